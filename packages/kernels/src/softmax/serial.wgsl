// out[r, i] = exp(x[r, i]) / Σⱼ exp(x[r, j]) over `rows` rows of `length` elements (vec4s where VECTOR).
//
// One invocation computes one row, reading it three times: for short rows and for software adapters, where barriers
// cost more. Needs softmax/element.wgsl in front. The host guarantees that no size is 0; invocations past the last row
// store nothing.
// Numerics: f32; the row's maximum is subtracted first, so no power overflows and the sum is at least 1.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP_X + id.x;
  let at = row * params.length;

  var highest = x[at];
  for (var i = 1u; i < params.length; i++) {
    highest = max(highest, x[at + i]);
  }
  let top = largest(highest);

  var sum = Element();
  for (var i = 0u; i < params.length; i++) {
    sum += power(x[at + i], top);
  }
  let scale = 1.0 / total(sum);

  if (row < params.rows) {
    for (var i = 0u; i < params.length; i++) {
      out[at + i] = power(x[at + i], top) * scale;
    }
  }
}
