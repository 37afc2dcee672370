// out = x as float32 (bits): two words of two f16 each to four f32, the first of a pair from the lower half.
//
// One invocation per vec4 of out, `count` of them. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let words = x[i];
    out[i] = vec4u(
      from_half(words.x & 0xffffu),
      from_half(words.x >> 16u),
      from_half(words.y & 0xffffu),
      from_half(words.y >> 16u),
    );
  }
}
