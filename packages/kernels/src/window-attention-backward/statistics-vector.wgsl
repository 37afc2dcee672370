// statistics[pixel, head] = (log_sums[pixel, head], Σ gradient · out): per query, the logarithm that turns a score into
// its weight, exp(score − first), and what the softmax's derivative subtracts. gradient[pixel, head, d], out likewise; the
// head dimension is head_dim_4 vec4.
//
// One invocation computes one query of one head. Numerics: f32, d ascending. Invocations past the last query store
// nothing.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let query = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let first = query * params.head_dim_4;
  var sum = vec4f();
  for (var d = 0u; d < params.head_dim_4; d++) {
    sum += gradient[first + d] * out[first + d];
  }
  if (query < params.queries) {
    statistics[query] = vec2f(log_sums[query], sum.x + sum.y + sum.z + sum.w);
  }
}
