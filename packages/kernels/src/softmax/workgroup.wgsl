// out[r, i] = exp(x[r, i]) / Σⱼ exp(x[r, j]) over `rows` rows of `length` elements (vec4s where VECTOR).
//
// One workgroup computes one row: its invocations read neighbouring elements and join their maxima and sums by halves
// in workgroup memory. For long rows. Needs softmax/element.wgsl in front. The host guarantees that no size is 0;
// workgroups past the last row store nothing.
// Numerics: f32; the row's maximum is subtracted first, so no power overflows and the sum is at least 1.

var<workgroup> shared_values: array<f32, WORKGROUP_X>;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  let at = row * params.length;

  var highest = x[at + min(lane, params.length - 1u)];
  for (var i = lane + WORKGROUP_X; i < params.length; i += WORKGROUP_X) {
    highest = max(highest, x[at + i]);
  }
  shared_values[lane] = largest(highest);
  for (var half = WORKGROUP_X / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      shared_values[lane] = max(shared_values[lane], shared_values[lane + half]);
    }
  }
  workgroupBarrier();
  let top = shared_values[0];
  workgroupBarrier();

  var sum = Element();
  for (var i = lane; i < params.length; i += WORKGROUP_X) {
    sum += power(x[at + i], top);
  }
  shared_values[lane] = total(sum);
  for (var half = WORKGROUP_X / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      shared_values[lane] += shared_values[lane + half];
    }
  }
  workgroupBarrier();
  let scale = 1.0 / shared_values[0];

  if (row < params.rows) {
    for (var i = lane; i < params.length; i += WORKGROUP_X) {
      out[at + i] = power(x[at + i], top) * scale;
    }
  }
}
