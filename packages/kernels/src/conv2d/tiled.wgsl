// out[B, Ho, Wo, Cout] = activate(convolution of x[B, H, W, Cin] with weight[kh, kw, Cin, Cout] + bias[Cout]).
//
// An implicit GEMM over flattened output pixels: each invocation computes 8 output pixels × one vec4 of output
// channels in registers; a workgroup is params.lanes vec4 of channels × WORKGROUP_X / lanes times 8 pixels, so that few
// output channels leave no invocation idle. Zero padding: a pixel that lies outside x at a tap selects zero. No
// subgroups, no workgroup memory, no barriers: runs on every device.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0, that pixels, height, width, Cin and Cout are not zero, and that lanes
// is between 1 and WORKGROUP_X. x_offset and out_offset (in vec4) tell where in the bindings this dispatch's rows start.
// Invocations past the edges store nothing. Accumulation in f32, taps row by row, input
// channels ascending.
//
// A quarter of the speed of conv2d/subgroup on lavapipe and 60 % on SwiftShader, but twice its speed for 4 output channels.

const PIXELS: u32 = 8u;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tiles = WORKGROUP_X / params.lanes;
  let tile = local / params.lanes;
  // Where lanes does not divide the workgroup, the invocations left over write nothing.
  let channel = select(params.cout4, group.x * params.lanes + local % params.lanes, tile < tiles);
  let first_pixel = ((group.z * groups.y + group.y) * tiles + tile) * PIXELS;
  var pixels: array<Pixel, PIXELS>;
  #repeat (n < 8) pixels[n] = pixel_at(first_pixel + n);

  var sums: array<vec4f, PIXELS>;

  var weight_at = channel;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      var taps: array<Tap, PIXELS>;
      #repeat (n < 8) taps[n] = tap_of(pixels[n], ky, kx);
      for (var c = 0u; c < params.cin4; c++) {
        let w0 = weight[weight_at];
        let w1 = weight[weight_at + params.cout4];
        let w2 = weight[weight_at + 2u * params.cout4];
        let w3 = weight[weight_at + 3u * params.cout4];
        weight_at += 4u * params.cout4;
        #repeat (n < 8) sums[n] += combine(select(vec4f(), x[taps[n].at + c], taps[n].inside), w0, w1, w2, w3);
      }
    }
  }

  #repeat (n < 8) store(first_pixel + n, channel, sums[n]);
}
