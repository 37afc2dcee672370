// out[rows, n] = activate(a[rows, k] · b[k, n] + bias[n] + addend[rows, n]), row-major, any k and n; b is [n, k] where
// TRANSPOSED.
//
// One invocation per output element. Exists for sizes that are not multiples of 4; the model's are.
// Accumulation in f32, k ascending; k = 0 gives bias and addend alone.

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  let row = id.y;
  if (row >= params.rows || column >= params.n) {
    return;
  }
  var sum = 0.0;
  for (var i = 0u; i < params.k; i++) {
#if ${TRANSPOSED}
    sum += a[row * params.k + i] * b[column * params.k + i];
#else
    sum += a[row * params.k + i] * b[i * params.n + column];
#endif
  }
#if ${HAS_BIAS}
  sum += bias[column];
#endif
  let at = row * params.n + column;
#if ${HAS_ADDEND}
  sum += addend[at];
#endif
  out[at] = activate(vec4f(sum), params.slope).x;
}
