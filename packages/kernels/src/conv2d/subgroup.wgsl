// out[B, Ho, Wo, Cout] = activate(convolution of x[B, H, W, Cin] with weight[kh, kw, Cin, Cout] + bias[Cout]).
//
// An implicit GEMM over flattened output pixels: one workgroup is one subgroup of SUBGROUP_SIZE lanes and computes
// PIXELS output pixels × SUBGROUP_SIZE vec4 output channels. For each tap and each vec4 of input channels the lanes
// together load the pixels' values once (PIXELS / SUBGROUP_SIZE loads each) and hand them round with
// subgroupBroadcast; each lane loads its own four vec4 of the weight. Zero padding: a lane whose pixel lies outside
// x at a tap selects zero. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane, so
// loads, not multiply-adds, are what costs. 32 pixels need two thirds of the loads per product that 16 do.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0, PIXELS <= 8 * SUBGROUP_SIZE, and that pixels, height, width, Cin and
// Cout are not zero. x_offset and out_offset (in vec4) tell where in the bindings this dispatch's rows start. Lanes past
// the last channel and pixels past the last one are not stored. Accumulation in f32, taps row by row, input channels
// ascending.

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let channel = group.x * SUBGROUP_SIZE + lane;
  let first_pixel = (group.z * groups.y + group.y) * PIXELS;

  // Lane l loads pixels l, l + SUBGROUP_SIZE, … of the workgroup's.
  var pixels: array<Pixel, 8>;
  #repeat (n < 8) if (n * SUBGROUP_SIZE < PIXELS) { pixels[n] = pixel_at(first_pixel + lane + n * SUBGROUP_SIZE); }

  var sums: array<vec4f, PIXELS>;

  var weight_at = channel;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      var taps: array<Tap, 8>;
      #repeat (n < 8) if (n * SUBGROUP_SIZE < PIXELS) { taps[n] = tap_of(pixels[n], ky, kx); }
      for (var c = 0u; c < params.cin4; c++) {
        var loaded: array<vec4f, 8>;
        #repeat (n < 8) if (n * SUBGROUP_SIZE < PIXELS) { loaded[n] = select(vec4f(), x[taps[n].at + c], taps[n].inside); }
        let w0 = weight[weight_at];
        let w1 = weight[weight_at + params.cout4];
        let w2 = weight[weight_at + 2u * params.cout4];
        let w3 = weight[weight_at + 3u * params.cout4];
        weight_at += 4u * params.cout4;
        #repeat (n < PIXELS) sums[n] += combine(subgroupBroadcast(loaded[n / SUBGROUP_SIZE], n % SUBGROUP_SIZE), w0, w1, w2, w3);
      }
    }
  }

  #repeat (n < PIXELS) store(first_pixel + n, channel, sums[n]);
}
