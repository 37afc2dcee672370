// out[B, Ho, Wo, Cout] = activate(convolution of x[B, H, W, Cin] with weight[kh, kw, Cin, Cout] + bias[Cout]).
//
// One invocation per output element; a workgroup is 8 channels × 8 flattened output pixels. Taps that lie in the zero
// padding are skipped. Exists for channel counts that are not multiples of 4; the model's are.
//
// The host guarantees pixels > 0 and Cout > 0; Cin, height and width may be 0, which gives the bias alone. x_offset
// and out_offset (in f32) tell where in the bindings this dispatch's rows start. Accumulation in f32, taps row by row,
// input channels ascending.

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channel = group.x * WORKGROUP_X + local.x;
  let pixel = (group.z * groups.y + group.y) * WORKGROUP_Y + local.y;
  if (pixel >= params.pixels || channel >= params.cout) {
    return;
  }
  let row = pixel / params.out_width;
  let image = row / params.out_height;
  let top = i32((row - image * params.out_height) * params.stride) - params.pad_top;
  let left = i32((pixel - row * params.out_width) * params.stride) - params.pad_left;

  var sum = 0.0;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      // A negative coordinate is a large u32, so that one comparison tells both sides.
      let y = u32(top + i32(ky));
      let column = u32(left + i32(kx));
      if (y < params.height && column < params.width) {
        let at = ((image * params.height + y) * params.width + column) * params.cin + params.x_offset;
        let weight_at = (ky * params.kernel_width + kx) * params.cin * params.cout + channel;
        for (var c = 0u; c < params.cin; c++) {
          sum += x[at + c] * weight[weight_at + c * params.cout];
        }
      }
    }
  }
#if ${HAS_BIAS}
  sum += bias[channel];
#endif
  out[params.out_offset + pixel * params.cout + channel] = activate(vec4f(sum), params.slope).x;
}
