// out[i] = scale · gradient[0] · sign(x[i] − y[i]) over `count` elements, 0 where the two are equal.
//
// An invocation computes four elements: four in a row where ADJACENT (one cache line, what software adapters want), else
// WORKGROUP_X apart, so that neighbouring lanes read neighbouring addresses, as hardware wants. A workgroup covers
// 4 · WORKGROUP_X elements either way. The grid is folded into two dimensions; surplus workgroups find nothing to do.
// The comparisons are written so that NaN falls through wherever the implementation lets NaN live.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group_first = (group.y * groups.x + group.x) * 4u * WORKGROUP_X;
#if ${ADJACENT}
  let first = group_first + 4u * lane;
  let end = min(first + 4u, params.count);
  let step = 1u;
#else
  let first = group_first + lane;
  let end = min(group_first + 4u * WORKGROUP_X, params.count);
  let step = WORKGROUP_X;
#endif
  let up = Element() + gradient[0] * params.scale;
  for (var i = first; i < end; i += step) {
    let difference = x[i] - y[i];
    let below = select(difference, -up, difference < Element());
    out[i] = select(below, up, difference > Element());
  }
}
