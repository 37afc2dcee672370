// Parts of dw[kh·kw·Cin, Cout] = Σ over output pixels of x[source pixel at the tap, Cin]ᵀ · gradient[pixel, Cout], the gradient
// of a convolution's weight; BIAS_SUMS also parts of Σ over output pixels of the gradient, that of its bias.
//
// Each invocation computes 16 rows (four vec4 of input channels, each at its own tap) × one vec4 of output channels in
// registers, over one part of the pixels. Invocations run over output channels, then rows, so that few channels leave none
// idle. No subgroups, no workgroup memory, no barriers: runs on every device.
//
// The grid is invocations × 1 × parts; part p of P takes strips p·n / P to (p + 1)·n / P and writes a whole dw at out[p],
// and a whole sum at bias_sums[first_part + p], which the host adds up in order: no atomics, the same bits every time.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0 and that no operand is empty. params.parts is P + 256·first_part. x_offset,
// gradient_offset and out_offset (in vec4) tell where in the bindings this dispatch's data starts.
// Invocations past the last row store nothing. Accumulation in f32, pixels ascending.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tile = id.x / params.cout4;
  let channel = id.x - tile * params.cout4;
  let first_row = tile * 4u;
  let rows0 = rows_at(first_row);
  let rows1 = rows_at(first_row + 1u);
  let rows2 = rows_at(first_row + 2u);
  let rows3 = rows_at(first_row + 3u);

  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  var r8 = vec4f(); var r9 = vec4f(); var r10 = vec4f(); var r11 = vec4f();
  var r12 = vec4f(); var r13 = vec4f(); var r14 = vec4f(); var r15 = vec4f();
#if ${BIAS_SUMS}
  var bias_sum = vec4f();
#endif

  let parts = params.parts & 255u;
  let end = (id.z + 1u) * params.strips / parts;
  for (var index = id.z * params.strips / parts; index < end; index++) {
    let strip = strip_at(index);
    let y0 = strip.y + rows0.top;
    let inside0 = u32(y0) < params.height;
    let start0 = start_of(strip, rows0, y0);
    let y1 = strip.y + rows1.top;
    let inside1 = u32(y1) < params.height;
    let start1 = start_of(strip, rows1, y1);
    let y2 = strip.y + rows2.top;
    let inside2 = u32(y2) < params.height;
    let start2 = start_of(strip, rows2, y2);
    let y3 = strip.y + rows3.top;
    let inside3 = u32(y3) < params.height;
    let start3 = start_of(strip, rows3, y3);
    let gradient_at = params.gradient_offset + strip.pixel * params.cout4 + channel;
    for (var i = 0u; i < strip.count; i++) {
      let column = strip.x + i32(i * params.stride);
      let g = gradient[gradient_at + i * params.cout4];
#if ${BIAS_SUMS}
      bias_sum += g;
#endif
      let v0 = value_at(start0, column + rows0.left, inside0);
      r0 += v0.x * g;
      r1 += v0.y * g;
      r2 += v0.z * g;
      r3 += v0.w * g;
      let v1 = value_at(start1, column + rows1.left, inside1);
      r4 += v1.x * g;
      r5 += v1.y * g;
      r6 += v1.z * g;
      r7 += v1.w * g;
      let v2 = value_at(start2, column + rows2.left, inside2);
      r8 += v2.x * g;
      r9 += v2.y * g;
      r10 += v2.z * g;
      r11 += v2.w * g;
      let v3 = value_at(start3, column + rows3.left, inside3);
      r12 += v3.x * g;
      r13 += v3.y * g;
      r14 += v3.z * g;
      r15 += v3.w * g;
    }
  }

  store(id.z, first_row, channel, r0, r1, r2, r3);
  store(id.z, first_row + 1u, channel, r4, r5, r6, r7);
  store(id.z, first_row + 2u, channel, r8, r9, r10, r11);
  store(id.z, first_row + 3u, channel, r12, r13, r14, r15);
#if ${BIAS_SUMS}
  if (tile == 0u) { bias_sums[((params.parts >> 8u) + id.z) * params.cout4 + channel] = bias_sum; }
#endif
}
