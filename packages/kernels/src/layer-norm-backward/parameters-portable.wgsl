// Gradients of weight and bias, summed over groups of 64 rows: partial_sums[group, 0, c] = Σ gradient · (x − mean) · scale,
// partial_sums[group, 1, c] = Σ gradient, with statistics[row] = (mean, scale), over rows of 4·c4 channels.
//
// One invocation computes one vec4 of channels of one group of rows; neighbours read neighbouring addresses. No barriers, no
// atomics: rows are added in ascending order.
// The first of the groups is number first_group, since x may come in several bands.
//
// Numerics: f32.

const ROWS: u32 = 64u;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let part = id / params.c4;
  let c = id - part * params.c4;
  let first = part * ROWS;
  let end = min(first + ROWS, params.rows);

  var along = vec4f();
  var plain = vec4f();
  for (var row = first; row < end; row++) {
    let g = gradient[row * params.c4 + c];
    let known = statistics[row];
    along += g * ((x[row * params.c4 + c] - known.x) * known.y);
    plain += g;
  }

  if (first < params.rows) {
    let at = 2u * (params.first_group + part) * params.c4 + c;
    partial_sums[at] = along;
    partial_sums[at + params.c4] = plain;
  }
}
