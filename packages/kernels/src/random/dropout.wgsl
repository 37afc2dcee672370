// out[i] = x[i] · scale where the element's random word, without its lower 8 bits, is at least `threshold`, else 0; over
// `count` vec4s, the first of which is number `first` of a tensor [samples, per_sample], sizes in vec4s.
//
// One vec4 per invocation, since four words come out of one call. A value that is dropped is 0 even if it was not
// finite. The host guarantees samples of whole vec4s. Needs random/threefry.wgsl in front. The grid is folded into two
// dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let at = params.first + i;
    let sample = at / params.per_sample;
    let counter = vec4u(at - sample * params.per_sample, params.first_sample + sample, PURPOSE_ELEMENT, 0u);
    let words = threefry(counter, vec4u(params.seed, params.step, params.stream, 0u));
    let kept = (words >> vec4u(8u)) >= vec4u(params.threshold);
    out[i] = select(vec4f(0.0), x[i] * params.scale, kept);
  }
}
