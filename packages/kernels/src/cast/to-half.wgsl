// out = x as float16: four f32 (as bits) to two words of two f16 each, the first of a pair in the lower half.
//
// One invocation per vec4, `count` vec4s. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let bits = x[i];
    out[i] = vec2u(to_half(bits.x) | (to_half(bits.y) << 16u), to_half(bits.z) | (to_half(bits.w) << 16u));
  }
}
