// Gradient of x through (x − mean) · scale · weight + bias over rows of 4·c4 channels, statistics[row] = (mean, scale):
// out[row, c] = scale · (h[c] − mean of h − n[c] · mean of h·n), h = gradient · weight, n = (x − mean) · scale.
//
// One invocation computes one row, reading it twice as vec4. No subgroups, no barriers: runs on every device.
//
// Invocations past the last row store nothing. Numerics: f32.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let at = row * params.c4;
  let channels = f32(4u * params.c4);
  let known = statistics[row];
  let mean = known.x;
  let scale = known.y;

  var plain = vec4f();
  var along = vec4f();
  for (var c = 0u; c < params.c4; c++) {
    let h = gradient[at + c] * weight[c];
    plain += h;
    along += h * ((x[at + c] - mean) * scale);
  }
  let shift = dot(plain, vec4f(1.0)) / channels;
  let slope = dot(along, vec4f(1.0)) / channels;

  if (row < params.rows) {
    for (var c = 0u; c < params.c4; c++) {
      out[at + c] = scale * (gradient[at + c] * weight[c] - shift - (x[at + c] - mean) * scale * slope);
    }
  }
}
