// out[i] = gradient[i] · f'(x[i]) over `count` elements, one per invocation. Exists for counts that are not multiples
// of 4. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    out[i] = gradient_of(vec4f(x[i]), vec4f(gradient[i]), params.a, params.b).x;
  }
}
