// out[SIDE², N4] = 3×3 convolution of x[SIDE², K4] with weight[9, 4·K4, N4], + bias[N4], in vec4; zero padding, N4 a multiple
// of SG, SIDE² of 16.
//
// An implicit product: one workgroup is one subgroup of SG lanes and computes 16 pixels in a row of memory × SG vec4
// channels. Per tap and vec4 of input channels lane l loads the values of pixels l, l + SG, … (zero outside) and hands them
// round, and loads its own four vec4 of the weight. Sizes are constants, the grid is exact, stores are not guarded.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;

fn product(x: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
  return x.x * b0 + x.y * b1 + x.z * b2 + x.w * b3;
}

// Where a pixel is at a tap, and 1 or 0 for whether it lies in the image.
struct Tap { at: u32, inside: f32 }

fn tap_of(pixel: u32, ky: u32, kx: u32) -> Tap {
  let y = i32(pixel / SIDE + ky) - 1;
  let column = i32(pixel % SIDE + kx) - 1;
  let inside = y >= 0 && y < i32(SIDE) && column >= 0 && column < i32(SIDE);
  return Tap(select(0u, u32(y) * SIDE + u32(column), inside) * K4, select(0.0, 1.0, inside));
}

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let column = group.x * SG + lane;
  let pixel = group.y * 16u;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
  var s8 = vec4f(); var s9 = vec4f(); var s10 = vec4f(); var s11 = vec4f();
  var s12 = vec4f(); var s13 = vec4f(); var s14 = vec4f(); var s15 = vec4f();
  for (var tap = 0u; tap < 9u; tap++) {
    let t0 = tap_of(pixel + lane, tap / 3u, tap % 3u);
    let t1 = tap_of(pixel + SG + lane, tap / 3u, tap % 3u);
    let t2 = tap_of(pixel + 2u * SG + lane, tap / 3u, tap % 3u);
    let t3 = tap_of(pixel + 3u * SG + lane, tap / 3u, tap % 3u);
    for (var k = 0u; k < K4; k++) {
      var v: array<vec4f, 4>;
      v[0] = x[t0.at + k] * t0.inside;
      if (SG < 16u) { v[1] = x[t1.at + k] * t1.inside; }
      if (SG < 8u) { v[2] = x[t2.at + k] * t2.inside; }
      if (SG < 8u) { v[3] = x[t3.at + k] * t3.inside; }
      let at = 4u * (tap * K4 + k) * N4 + column;
      let b0 = weight[at];
      let b1 = weight[at + N4];
      let b2 = weight[at + 2u * N4];
      let b3 = weight[at + 3u * N4];
      s0 += product(subgroupBroadcast(v[0u / SG], 0u % SG), b0, b1, b2, b3);
      s1 += product(subgroupBroadcast(v[1u / SG], 1u % SG), b0, b1, b2, b3);
      s2 += product(subgroupBroadcast(v[2u / SG], 2u % SG), b0, b1, b2, b3);
      s3 += product(subgroupBroadcast(v[3u / SG], 3u % SG), b0, b1, b2, b3);
      s4 += product(subgroupBroadcast(v[4u / SG], 4u % SG), b0, b1, b2, b3);
      s5 += product(subgroupBroadcast(v[5u / SG], 5u % SG), b0, b1, b2, b3);
      s6 += product(subgroupBroadcast(v[6u / SG], 6u % SG), b0, b1, b2, b3);
      s7 += product(subgroupBroadcast(v[7u / SG], 7u % SG), b0, b1, b2, b3);
      s8 += product(subgroupBroadcast(v[8u / SG], 8u % SG), b0, b1, b2, b3);
      s9 += product(subgroupBroadcast(v[9u / SG], 9u % SG), b0, b1, b2, b3);
      s10 += product(subgroupBroadcast(v[10u / SG], 10u % SG), b0, b1, b2, b3);
      s11 += product(subgroupBroadcast(v[11u / SG], 11u % SG), b0, b1, b2, b3);
      s12 += product(subgroupBroadcast(v[12u / SG], 12u % SG), b0, b1, b2, b3);
      s13 += product(subgroupBroadcast(v[13u / SG], 13u % SG), b0, b1, b2, b3);
      s14 += product(subgroupBroadcast(v[14u / SG], 14u % SG), b0, b1, b2, b3);
      s15 += product(subgroupBroadcast(v[15u / SG], 15u % SG), b0, b1, b2, b3);
    }
  }
  let at = pixel * N4 + column;
  let b = bias[column];
  out[at] = s0 + b;
  out[at + N4] = s1 + b;
  out[at + 2u * N4] = s2 + b;
  out[at + 3u * N4] = s3 + b;
  out[at + 4u * N4] = s4 + b;
  out[at + 5u * N4] = s5 + b;
  out[at + 6u * N4] = s6 + b;
  out[at + 7u * N4] = s7 + b;
  out[at + 8u * N4] = s8 + b;
  out[at + 9u * N4] = s9 + b;
  out[at + 10u * N4] = s10 + b;
  out[at + 11u * N4] = s11 + b;
  out[at + 12u * N4] = s12 + b;
  out[at + 13u * N4] = s13 + b;
  out[at + 14u * N4] = s14 + b;
  out[at + 15u * N4] = s15 + b;
}
