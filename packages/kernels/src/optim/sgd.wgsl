// One step of stochastic gradient descent in place on `count` vec4s, as PyTorch's with dampening 0:
//
//   g = clip · gradient + decay · p              clip where CLIP: result[1] of optim/clip.wgsl
//   b = momentum · b + g                         where MOMENTUM; b starts at 0
//   p = p − lr · (NESTEROV: g + momentum · b; MOMENTUM: b; else g)
//
// Needs optim/order.wgsl in front.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.count);
  for (var i = span.first; i < span.end; i += span.step) {
    let p = parameter[i];
    var g = gradient[i];
#if ${CLIP}
    g *= clip[1];
#endif
    g += params.decay * p;
#if ${MOMENTUM}
    let b = params.momentum * velocity[i] + g;
    velocity[i] = b;
    if (NESTEROV) {
      g += params.momentum * b;
    } else {
      g = b;
    }
#endif
    parameter[i] = p - params.lr * g;
  }
}
