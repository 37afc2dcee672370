// What the variants that work on vec4 do with a finished sum. Uses the kernel's bindings and its params rows, n4 and slope.

fn store(row: u32, column: u32, sum: vec4f) {
  if (row < params.rows && column < params.n4) {
    var value = sum;
#if ${HAS_BIAS}
    value += bias[column];
#endif
    let at = row * params.n4 + column;
#if ${HAS_ADDEND}
    value += addend[at];
#endif
    out[at] = activate(value, params.slope);
  }
}
