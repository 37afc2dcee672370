// out[row, c] = (x[row, c] − mean) / √(variance + eps) · weight[c] + bias[c], over rows of any number of channels;
// with STATISTICS also statistics[row] = (mean, 1 / √(variance + eps)), which the backward pass takes.
//
// One invocation computes one row, reading it three times. Exists for channels that are not multiples of 4.
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
  let at = row * params.channels;

  var sum = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    sum += x[at + c];
  }
  let mean = sum / f32(params.channels);

  var squares = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    let d = x[at + c] - mean;
    squares += d * d;
  }
  let scale = inverseSqrt(squares / f32(params.channels) + params.eps);

  if (row < params.rows) {
#if ${STATISTICS}
    statistics[row] = vec2f(mean, scale);
#endif
    for (var c = 0u; c < params.channels; c++) {
      out[at + c] = (x[at + c] - mean) * scale * weight[c] + bias[c];
    }
  }
}
