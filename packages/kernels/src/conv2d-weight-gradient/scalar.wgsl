// Parts of dw[kh·kw·Cin, Cout] = Σ over output pixels of x[source pixel at the tap, Cin]ᵀ · gradient[pixel, Cout], the gradient
// of a convolution's weight; BIAS_SUMS also parts of Σ over output pixels of the gradient, that of its bias.
//
// One invocation per element of dw and part of the pixels; the elements are folded into x and y of the grid, the parts
// are its z. Part p of P takes strips p·n / P to (p + 1)·n / P and writes a whole dw at out[p], and a whole sum at
// bias_sums[first_part + p], which the host adds up in order: no atomics, the same bits every time. Exists for channel
// counts that are not multiples of 4; the model's are.
//
// The host guarantees that no operand is empty. params.parts is P + 256·first_part. x_offset, gradient_offset and
// out_offset (in f32) tell where in the bindings this dispatch's data starts. Accumulation in f32, pixels ascending.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let row = index / params.cout;
  if (row >= params.rows) {
    return;
  }
  let channel = index - row * params.cout;
  let tap = row / params.cin;
  let top = i32(tap / params.kernel_width) - params.pad_top;
  let left = i32(tap % params.kernel_width) - params.pad_left;
  let strips_per_row = (params.out_width + STRIP - 1u) / STRIP;

  var sum = 0.0;
#if ${BIAS_SUMS}
  var bias_sum = 0.0;
#endif
  let parts = params.parts & 255u;
  let end = (group.z + 1u) * params.strips / parts;
  for (var strip = group.z * params.strips / parts; strip < end; strip++) {
    let out_row = strip / strips_per_row;
    let first = (strip - out_row * strips_per_row) * STRIP;
#if ${BIAS_SUMS}
    if (row == 0u) {
      for (var i = first; i < min(first + STRIP, params.out_width); i++) {
        bias_sum += gradient[params.gradient_offset + (out_row * params.out_width + i) * params.cout + channel];
      }
    }
#endif
    let image = out_row / params.out_height;
    // A negative coordinate is a large u32, so that one comparison tells both sides.
    let y = u32(i32((out_row - image * params.out_height) * params.stride) + top);
    if (y < params.height) {
      let x_row = (image * params.height + y) * params.width;
      for (var i = first; i < min(first + STRIP, params.out_width); i++) {
        let column = u32(i32(i * params.stride) + left);
        if (column < params.width) {
          let value = x[params.x_offset + (x_row + column) * params.cin + row - tap * params.cin];
          sum += value * gradient[params.gradient_offset + (out_row * params.out_width + i) * params.cout + channel];
        }
      }
    }
  }
  out[params.out_offset + group.z * params.rows * params.cout + index] = sum;
#if ${BIAS_SUMS}
  if (row == 0u) { bias_sums[((params.parts >> 8u) + group.z) * params.cout + channel] = bias_sum; }
#endif
}
