// As dropout.wgsl, or as stochastic-depth.wgsl where WHOLE_SAMPLES, one element per invocation and sizes in elements: for
// samples that are not whole vec4s. Needs random/threefry.wgsl in front. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let at = params.first + i;
    let sample = at / params.per_sample;
    let key = vec4u(params.seed, params.step, params.stream, 0u);
#if ${WHOLE_SAMPLES}
    let word = threefry(vec4u(0u, params.first_sample + sample, PURPOSE_SAMPLE, 0u), key).x;
#else
    let element = at - sample * params.per_sample;
    let word = threefry(vec4u(element / 4u, params.first_sample + sample, PURPOSE_ELEMENT, 0u), key)[element % 4u];
#endif
    out[i] = select(0.0, x[i] * params.scale, (word >> 8u) >= params.threshold);
  }
}
