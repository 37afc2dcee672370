// The pass of radix 2: see pass.wgsl. Written out, since not every compiler unrolls loops over private arrays.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = butterfly(group, groups, lane, 2u);
  let z0 = read_value(b, 0u);
  let z1 = rotated(b, 1u);
  let y = dft2(z0, z1);
  if (b.live) {
    write_value(b, 0u, y[0]);
    write_value(b, 1u, y[1]);
  }
}
