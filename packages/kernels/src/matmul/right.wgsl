// How the variants that work on vec4 read the right-hand matrix: b[k, n], or b[n, k] where TRANSPOSED. Uses the kernel's params
// k4 and n4, and lib/combine.wgsl.

// Where the first of the four vec4 of step k and a vec4 of columns lies, and how far the next one is.
fn right_at(k: u32, column: u32) -> u32 {
#if ${TRANSPOSED}
  return 4u * column * params.k4 + k;
#else
  return 4u * k * params.n4 + column;
#endif
}

fn right_step() -> u32 {
#if ${TRANSPOSED}
  return params.k4;
#else
  return params.n4;
#endif
}

// Four values of a row of a times these four vec4.
fn product(v: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
#if ${TRANSPOSED}
  return project(v, b0, b1, b2, b3);
#else
  return combine(v, b0, b1, b2, b3);
#endif
}
