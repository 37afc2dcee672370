// out = x as float32 (bits): one f16, half a word, to one f32.
//
// One invocation per element, `count` of them. For counts that are not multiples of 4. The grid is folded into two
// dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    out[i] = from_half((x[i / 2u] >> (16u * (i % 2u))) & 0xffffu);
  }
}
