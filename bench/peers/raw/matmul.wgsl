// out[rows, N4] = a[rows, K4] · b[4·K4, N4], in vec4; N4 is a multiple of SG, rows of 16.
//
// One workgroup is one subgroup of SG lanes and computes 16 rows × SG vec4 columns: for every vec4 of k lane l loads the
// values of rows l, l + SG, … and hands them round, and loads its own four vec4 of b. Sizes are constants, the grid is
// exact, nothing is guarded.

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

fn product(x: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
  return x.x * b0 + x.y * b1 + x.z * b2 + x.w * b3;
}

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let column = group.x * SG + lane;
  let row = group.y * 16u;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
  var s8 = vec4f(); var s9 = vec4f(); var s10 = vec4f(); var s11 = vec4f();
  var s12 = vec4f(); var s13 = vec4f(); var s14 = vec4f(); var s15 = vec4f();
  for (var k = 0u; k < K4; k++) {
    var x: array<vec4f, 4>;
    x[0] = a[(row + lane) * K4 + k];
    if (SG < 16u) { x[1] = a[(row + SG + lane) * K4 + k]; }
    if (SG < 8u) { x[2] = a[(row + 2u * SG + lane) * K4 + k]; }
    if (SG < 8u) { x[3] = a[(row + 3u * SG + lane) * K4 + k]; }
    let at = 4u * k * N4 + column;
    let b0 = b[at];
    let b1 = b[at + N4];
    let b2 = b[at + 2u * N4];
    let b3 = b[at + 3u * N4];
    s0 += product(subgroupBroadcast(x[0u / SG], 0u % SG), b0, b1, b2, b3);
    s1 += product(subgroupBroadcast(x[1u / SG], 1u % SG), b0, b1, b2, b3);
    s2 += product(subgroupBroadcast(x[2u / SG], 2u % SG), b0, b1, b2, b3);
    s3 += product(subgroupBroadcast(x[3u / SG], 3u % SG), b0, b1, b2, b3);
    s4 += product(subgroupBroadcast(x[4u / SG], 4u % SG), b0, b1, b2, b3);
    s5 += product(subgroupBroadcast(x[5u / SG], 5u % SG), b0, b1, b2, b3);
    s6 += product(subgroupBroadcast(x[6u / SG], 6u % SG), b0, b1, b2, b3);
    s7 += product(subgroupBroadcast(x[7u / SG], 7u % SG), b0, b1, b2, b3);
    s8 += product(subgroupBroadcast(x[8u / SG], 8u % SG), b0, b1, b2, b3);
    s9 += product(subgroupBroadcast(x[9u / SG], 9u % SG), b0, b1, b2, b3);
    s10 += product(subgroupBroadcast(x[10u / SG], 10u % SG), b0, b1, b2, b3);
    s11 += product(subgroupBroadcast(x[11u / SG], 11u % SG), b0, b1, b2, b3);
    s12 += product(subgroupBroadcast(x[12u / SG], 12u % SG), b0, b1, b2, b3);
    s13 += product(subgroupBroadcast(x[13u / SG], 13u % SG), b0, b1, b2, b3);
    s14 += product(subgroupBroadcast(x[14u / SG], 14u % SG), b0, b1, b2, b3);
    s15 += product(subgroupBroadcast(x[15u / SG], 15u % SG), b0, b1, b2, b3);
  }
  let at = row * N4 + column;
  out[at] = s0;
  out[at + N4] = s1;
  out[at + 2u * N4] = s2;
  out[at + 3u * N4] = s3;
  out[at + 4u * N4] = s4;
  out[at + 5u * N4] = s5;
  out[at + 6u * N4] = s6;
  out[at + 7u * N4] = s7;
  out[at + 8u * N4] = s8;
  out[at + 9u * N4] = s9;
  out[at + 10u * N4] = s10;
  out[at + 11u * N4] = s11;
  out[at + 12u * N4] = s12;
  out[at + 13u * N4] = s13;
  out[at + 14u * N4] = s14;
  out[at + 15u * N4] = s15;
}
