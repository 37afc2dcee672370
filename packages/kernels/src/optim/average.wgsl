// average = decay · average + (1 − decay) · x, in place on `count` vec4s: the exponential moving average of parameters.
// `rest` is 1 − decay, computed by the host in float64. Needs optim/order.wgsl in front.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.count);
  for (var i = span.first; i < span.end; i += span.step) {
    average[i] = params.decay * average[i] + params.rest * x[i];
  }
}
