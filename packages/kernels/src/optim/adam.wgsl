// One step of Adam (Kingma & Ba 2015, arXiv 1412.6980) or AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) in place on
// `count` vec4s, in PyTorch's order of operations:
//
//   g = clip · gradient                          where CLIP; clip is result[1] of optim/clip.wgsl
//   g = g + decay · p          (DECAY 1, Adam)   p = (1 − lr · decay) · p        (DECAY 2, AdamW; 0: no decay)
//   m = beta1 · m + (1 − beta1) · g              v = beta2 · v + (1 − beta2) · g²
//   p = p − lr / (1 − beta1ᵗ) · m / (√v / √(1 − beta2ᵗ) + eps)
//
// The host computes what depends on the step in float64: `decay` is decay or 1 − lr · decay, `step_size` is
// lr / (1 − beta1ᵗ), `correction` is √(1 − beta2ᵗ). Where all of p, g, m and v are 0 (padding), they stay 0: the host
// guarantees eps > 0. Needs optim/order.wgsl in front. One file for all, since only the line about the decay differs.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.count);
  for (var i = span.first; i < span.end; i += span.step) {
    var p = parameter[i];
    var g = gradient[i];
#if ${CLIP}
    g *= clip[1];
#endif
    if (DECAY == 1u) {
      g += params.decay * p;
    }
    if (DECAY == 2u) {
      p *= params.decay;
    }
    let m = params.beta1 * first_moment[i] + params.rest1 * g;
    let v = params.beta2 * second_moment[i] + params.rest2 * g * g;
    first_moment[i] = m;
    second_moment[i] = v;
    parameter[i] = p - params.step_size * (m / (sqrt(v) / params.correction + params.eps));
  }
}
