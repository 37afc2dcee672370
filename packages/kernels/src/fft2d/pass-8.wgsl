// The pass of radix 8: see pass.wgsl. Written out, since not every compiler unrolls loops over private arrays.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = butterfly(group, groups, lane, 8u);
  let z0 = read_value(b, 0u);
  let z1 = rotated(b, 1u);
  let z2 = rotated(b, 2u);
  let z3 = rotated(b, 3u);
  let z4 = rotated(b, 4u);
  let z5 = rotated(b, 5u);
  let z6 = rotated(b, 6u);
  let z7 = rotated(b, 7u);
  let y = dft8(z0, z1, z2, z3, z4, z5, z6, z7);
  if (b.live) {
    write_value(b, 0u, y[0]);
    write_value(b, 1u, y[1]);
    write_value(b, 2u, y[2]);
    write_value(b, 3u, y[3]);
    write_value(b, 4u, y[4]);
    write_value(b, 5u, y[5]);
    write_value(b, 6u, y[6]);
    write_value(b, 7u, y[7]);
  }
}
