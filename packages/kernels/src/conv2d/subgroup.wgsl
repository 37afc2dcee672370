// out[B, Ho, Wo, Cout] = activate(convolution of x[B, H, W, Cin] with weight[kh, kw, Cin, Cout] + bias[Cout]).
//
// An implicit GEMM over flattened output pixels: one workgroup is one subgroup of SUBGROUP_SIZE lanes and computes
// 16 output pixels × SUBGROUP_SIZE vec4 output channels. For each tap and each vec4 of input channels the lanes
// together load the 16 pixels' values once (16 / SUBGROUP_SIZE loads each) and hand them round with
// subgroupBroadcast; each lane loads its own four vec4 of the weight. Zero padding: a lane whose pixel lies outside
// x at a tap selects zero. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane, so
// loads, not multiply-adds, are what costs.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0, and that pixels, height, width, Cin and Cout are not zero. x_offset
// and out_offset (in vec4) tell where in the bindings this dispatch's rows start. Lanes past the last channel and
// pixels past the last one are not stored. Accumulation in f32, taps row by row,
// input channels ascending.

const PIXELS: u32 = 16u;

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let channel = group.x * SUBGROUP_SIZE + lane;
  let first_pixel = (group.z * groups.y + group.y) * PIXELS;

  // Lane l loads pixels l, l + SUBGROUP_SIZE, … of the 16.
  let p0 = pixel_at(first_pixel + lane);
  let p1 = pixel_at(first_pixel + lane + SUBGROUP_SIZE);
  let p2 = pixel_at(first_pixel + lane + 2u * SUBGROUP_SIZE);
  let p3 = pixel_at(first_pixel + lane + 3u * SUBGROUP_SIZE);

  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  var r8 = vec4f(); var r9 = vec4f(); var r10 = vec4f(); var r11 = vec4f();
  var r12 = vec4f(); var r13 = vec4f(); var r14 = vec4f(); var r15 = vec4f();

  var weight_at = channel;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      let t0 = tap_of(p0, ky, kx);
      let t1 = tap_of(p1, ky, kx);
      let t2 = tap_of(p2, ky, kx);
      let t3 = tap_of(p3, ky, kx);
      for (var c = 0u; c < params.cin4; c++) {
        var loaded: array<vec4f, 4>;
        loaded[0] = select(vec4f(), x[t0.at + c], t0.inside);
        if (SUBGROUP_SIZE < 16u) { loaded[1] = select(vec4f(), x[t1.at + c], t1.inside); }
        if (SUBGROUP_SIZE < 8u) {
          loaded[2] = select(vec4f(), x[t2.at + c], t2.inside);
          loaded[3] = select(vec4f(), x[t3.at + c], t3.inside);
        }
        let w0 = weight[weight_at];
        let w1 = weight[weight_at + params.cout4];
        let w2 = weight[weight_at + 2u * params.cout4];
        let w3 = weight[weight_at + 3u * params.cout4];
        weight_at += 4u * params.cout4;

        let v0 = subgroupBroadcast(loaded[0u / SUBGROUP_SIZE], 0u % SUBGROUP_SIZE);
        r0 += v0.x * w0 + v0.y * w1 + v0.z * w2 + v0.w * w3;
        let v1 = subgroupBroadcast(loaded[1u / SUBGROUP_SIZE], 1u % SUBGROUP_SIZE);
        r1 += v1.x * w0 + v1.y * w1 + v1.z * w2 + v1.w * w3;
        let v2 = subgroupBroadcast(loaded[2u / SUBGROUP_SIZE], 2u % SUBGROUP_SIZE);
        r2 += v2.x * w0 + v2.y * w1 + v2.z * w2 + v2.w * w3;
        let v3 = subgroupBroadcast(loaded[3u / SUBGROUP_SIZE], 3u % SUBGROUP_SIZE);
        r3 += v3.x * w0 + v3.y * w1 + v3.z * w2 + v3.w * w3;
        let v4 = subgroupBroadcast(loaded[4u / SUBGROUP_SIZE], 4u % SUBGROUP_SIZE);
        r4 += v4.x * w0 + v4.y * w1 + v4.z * w2 + v4.w * w3;
        let v5 = subgroupBroadcast(loaded[5u / SUBGROUP_SIZE], 5u % SUBGROUP_SIZE);
        r5 += v5.x * w0 + v5.y * w1 + v5.z * w2 + v5.w * w3;
        let v6 = subgroupBroadcast(loaded[6u / SUBGROUP_SIZE], 6u % SUBGROUP_SIZE);
        r6 += v6.x * w0 + v6.y * w1 + v6.z * w2 + v6.w * w3;
        let v7 = subgroupBroadcast(loaded[7u / SUBGROUP_SIZE], 7u % SUBGROUP_SIZE);
        r7 += v7.x * w0 + v7.y * w1 + v7.z * w2 + v7.w * w3;
        let v8 = subgroupBroadcast(loaded[8u / SUBGROUP_SIZE], 8u % SUBGROUP_SIZE);
        r8 += v8.x * w0 + v8.y * w1 + v8.z * w2 + v8.w * w3;
        let v9 = subgroupBroadcast(loaded[9u / SUBGROUP_SIZE], 9u % SUBGROUP_SIZE);
        r9 += v9.x * w0 + v9.y * w1 + v9.z * w2 + v9.w * w3;
        let v10 = subgroupBroadcast(loaded[10u / SUBGROUP_SIZE], 10u % SUBGROUP_SIZE);
        r10 += v10.x * w0 + v10.y * w1 + v10.z * w2 + v10.w * w3;
        let v11 = subgroupBroadcast(loaded[11u / SUBGROUP_SIZE], 11u % SUBGROUP_SIZE);
        r11 += v11.x * w0 + v11.y * w1 + v11.z * w2 + v11.w * w3;
        let v12 = subgroupBroadcast(loaded[12u / SUBGROUP_SIZE], 12u % SUBGROUP_SIZE);
        r12 += v12.x * w0 + v12.y * w1 + v12.z * w2 + v12.w * w3;
        let v13 = subgroupBroadcast(loaded[13u / SUBGROUP_SIZE], 13u % SUBGROUP_SIZE);
        r13 += v13.x * w0 + v13.y * w1 + v13.z * w2 + v13.w * w3;
        let v14 = subgroupBroadcast(loaded[14u / SUBGROUP_SIZE], 14u % SUBGROUP_SIZE);
        r14 += v14.x * w0 + v14.y * w1 + v14.z * w2 + v14.w * w3;
        let v15 = subgroupBroadcast(loaded[15u / SUBGROUP_SIZE], 15u % SUBGROUP_SIZE);
        r15 += v15.x * w0 + v15.y * w1 + v15.z * w2 + v15.w * w3;
      }
    }
  }

  store(first_pixel, channel, r0);
  store(first_pixel + 1u, channel, r1);
  store(first_pixel + 2u, channel, r2);
  store(first_pixel + 3u, channel, r3);
  store(first_pixel + 4u, channel, r4);
  store(first_pixel + 5u, channel, r5);
  store(first_pixel + 6u, channel, r6);
  store(first_pixel + 7u, channel, r7);
  store(first_pixel + 8u, channel, r8);
  store(first_pixel + 9u, channel, r9);
  store(first_pixel + 10u, channel, r10);
  store(first_pixel + 11u, channel, r11);
  store(first_pixel + 12u, channel, r12);
  store(first_pixel + 13u, channel, r13);
  store(first_pixel + 14u, channel, r14);
  store(first_pixel + 15u, channel, r15);
}

fn store(pixel: u32, channel: u32, sum: vec4f) {
  if (pixel < params.pixels && channel < params.cout4) {
    var value = sum;
#if ${HAS_BIAS}
    value += bias[channel];
#endif
    out[params.out_offset + pixel * params.cout4 + channel] = activate(value, params.slope);
  }
}
