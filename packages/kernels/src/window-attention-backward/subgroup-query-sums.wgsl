// The gradient of q as the kernels of one subgroup per workgroup add it up, for the lane's four queries: scale · Σ over keys
// of change · k. Needs subgroup-products.wgsl in front.

var<private> sum0: array<vec4f, HEAD_DIM_4>;
var<private> sum1: array<vec4f, HEAD_DIM_4>;
var<private> sum2: array<vec4f, HEAD_DIM_4>;
var<private> sum3: array<vec4f, HEAD_DIM_4>;
// One step of the sums of each query.
var<private> r0: vec4f;
var<private> r1: vec4f;
var<private> r2: vec4f;
var<private> r3: vec4f;

fn clear_sums(n: u32) {
  sum0[n] = vec4f(); sum1[n] = vec4f(); sum2[n] = vec4f(); sum3[n] = vec4f();
}

// Adds what the chunk's keys, with their changes in d0a to d3b, contribute.
fn add_keys(n: u32, rows: Rows) {
  let k = x_columns(n, rows);
  sum0[n] += k.a * d0a + k.b * d0b;
  sum1[n] += k.a * d1a + k.b * d1b;
  sum2[n] += k.a * d2a + k.b * d2b;
  sum3[n] += k.a * d3a + k.b * d3b;
}

fn store_sums(own: Own, head: u32, stored: vec4<bool>) {
  let out_at = (pixels(own) * 3u * params.heads + head) * HEAD_DIM_4;
  let steps = params.head_dim / 4u;
  for (var d = 0u; d < steps; d++) {
    #unroll (n < HEAD_DIM_4) pick_sums(n, d);
    if (stored.x) { out[out_at.x + d] = params.scale * r0; }
    if (stored.y) { out[out_at.y + d] = params.scale * r1; }
    if (stored.z) { out[out_at.z + d] = params.scale * r2; }
    if (stored.w) { out[out_at.w + d] = params.scale * r3; }
  }
}

// The sums of step d, if n is that step.
fn pick_sums(n: u32, d: u32) {
  r0 = select(r0, sum0[n], d == n);
  r1 = select(r1, sum1[n], d == n);
  r2 = select(r2, sum2[n], d == n);
  r3 = select(r3, sum3[n], d == n);
}
