// statistics[row] = (mean, 1 / √(variance + eps)) of x, over rows of any length.
//
// One invocation computes one row, reading it twice. Exists for channels that are not multiples of 4.
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
  let channels = f32(params.channels);

  var sum = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    sum += x[at + c];
  }
  let mean = sum / channels;

  var squares = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    let d = x[at + c] - mean;
    squares += d * d;
  }
  let scale = inverseSqrt(squares / channels + params.eps);

  if (row < params.rows) {
    statistics[row] = vec2f(mean, scale);
  }
}
