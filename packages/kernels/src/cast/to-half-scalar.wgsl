// out = x as float16: two f32 (as bits) to one word of two f16, the first in the lower half.
//
// One invocation per word. For counts that are not multiples of 4; `count` elements, and where it is odd the upper half
// of the last word is 0. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  let first = 2u * i;
  if (first < params.count) {
    let second = first + 1u;
    let upper = select(0u, to_half(x[second]), second < params.count);
    out[i] = to_half(x[first]) | (upper << 16u);
  }
}
