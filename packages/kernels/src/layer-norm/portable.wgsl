// out[row, c] = (x[row, c] − mean) / √(variance + eps) · weight[c] + bias[c], over rows of 4·c4 channels;
// with STATISTICS also statistics[row] = (mean, 1 / √(variance + eps)), which the backward pass takes.
//
// One invocation computes one row, reading it three times as vec4. No subgroups, no barriers: runs on every device.
//
// Invocations past the last row store nothing.
// Numerics: f32, biased variance, the mean is subtracted before squaring.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let at = row * params.c4;
  let channels = f32(4u * params.c4);

  var sum = vec4f();
  for (var c = 0u; c < params.c4; c++) {
    sum += x[at + c];
  }
  let mean = dot(sum, vec4f(1.0)) / channels;

  var squares = vec4f();
  for (var c = 0u; c < params.c4; c++) {
    let d = x[at + c] - mean;
    squares += d * d;
  }
  let scale = inverseSqrt(dot(squares, vec4f(1.0)) / channels + params.eps);

  if (row < params.rows) {
#if ${STATISTICS}
    statistics[row] = vec2f(mean, scale);
#endif
    for (var c = 0u; c < params.c4; c++) {
      out[at + c] = (x[at + c] - mean) * scale * weight[c] + bias[c];
    }
  }
}
