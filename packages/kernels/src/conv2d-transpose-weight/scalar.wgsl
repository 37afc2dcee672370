// out[kh·kw, Cout, Cin] from weight[kh·kw, Cin, Cout]: taps in the opposite order, channels exchanged. A convolution with it
// passes the gradient of a convolution back to its input.
//
// One invocation per element of out; workgroups folded into x and y. The host guarantees that out is not empty.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let row = index / params.cin;
  let input = index - row * params.cin;
  let tap = row / params.cout;
  let output = row - tap * params.cout;
  if (tap < params.taps) {
    out[index] = weight[((params.taps - 1u - tap) * params.cin + input) * params.cout + output];
  }
}
