// out[i] = x[i] · scale where the sample's random word, without its lower 8 bits, is at least `threshold`, else 0; over
// `count` vec4s, the first of which is number `first` of a tensor [samples, per_sample], sizes in vec4s.
//
// An invocation computes four vec4s, in a row where ADJACENT (software adapters), else WORKGROUP_X apart (hardware), and
// draws a word again only where the sample changes. The host guarantees samples of whole vec4s. Needs
// random/threefry.wgsl in front. The grid is folded into two dimensions.

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
  let key = vec4u(params.seed, params.step, params.stream, 0u);
  var known = 0xffffffffu;
  var kept = false;
  for (var i = first; i < end; i += step) {
    let sample = (params.first + i) / params.per_sample;
    if (sample != known) {
      known = sample;
      let word = threefry(vec4u(0u, params.first_sample + sample, PURPOSE_SAMPLE, 0u), key).x;
      kept = (word >> 8u) >= params.threshold;
    }
    out[i] = select(vec4f(0.0), x[i] * params.scale, kept);
  }
}
