// out[i] = gradient[i] · f'(x[i]) over `count` vec4s: the gradient of an elementwise function.
//
// An invocation computes four vec4s: four in a row where ADJACENT (one cache line, what software adapters want), else
// WORKGROUP_X apart, so that neighbouring lanes read neighbouring addresses, as hardware wants. A workgroup covers
// 4 · WORKGROUP_X vec4s either way. The grid is folded into two dimensions.
//
// Written out and without a guard: a loop takes SwiftShader 1.5 times as long, a branch 1.1 times. Where nothing is left to do
// an invocation computes the last vec4 again, the same bits for the same place.

fn compute(index: u32) {
  let i = min(index, params.count - 1u);
  out[i] = gradient_of(x[i], gradient[i], params.a, params.b);
}

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group_first = (group.y * groups.x + group.x) * 4u * WORKGROUP_X;
#if ${ADJACENT}
  let first = group_first + 4u * lane;
  let step = 1u;
#else
  let first = group_first + lane;
  let step = WORKGROUP_X;
#endif
  #unroll (n < 4) compute(first + n * step);
}
