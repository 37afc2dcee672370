// Gradient of x through (x − mean) · scale · weight + bias over rows of any length, statistics[row] = (mean, scale):
// out[row, c] = scale · (h[c] − mean of h − n[c] · mean of h·n), h = gradient · weight, n = (x − mean) · scale.
//
// One invocation computes one row, reading it twice. Exists for channels that are not multiples of 4.
//
// Invocations past the last row store nothing. Numerics: f32.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let at = row * params.channels;
  let channels = f32(params.channels);
  let known = statistics[row];
  let mean = known.x;
  let scale = known.y;

  var plain = 0.0;
  var along = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    let h = gradient[at + c] * weight[c];
    plain += h;
    along += h * ((x[at + c] - mean) * scale);
  }
  let shift = plain / channels;
  let slope = along / channels;

  if (row < params.rows) {
    for (var c = 0u; c < params.channels; c++) {
      out[at + c] = scale * (gradient[at + c] * weight[c] - shift - (x[at + c] - mean) * scale * slope);
    }
  }
}
