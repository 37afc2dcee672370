// Parts of dw[kh·kw·Cin, Cout] = Σ over output pixels of x[source pixel at the tap, Cin]ᵀ · gradient[pixel, Cout], the gradient
// of a convolution's weight.
//
// An implicit GEMM whose long axis is the pixels: one workgroup is one subgroup of SUBGROUP_SIZE lanes and computes 16 rows
// (four vec4 of input channels, each at its own tap) × SUBGROUP_SIZE vec4 of output channels over one part of the pixels.
// For every two pixels of a strip the lanes together load the 16 rows' values once and hand them round with
// subgroupBroadcast; each lane loads its own two vec4 of the gradient. Zero padding: a lane whose pixel lies outside x
// selects zero. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane, so
// loads, not multiply-adds, are what costs.
//
// The grid is channels × rows × parts; part p of P takes strips p·n / P to (p + 1)·n / P and writes a whole dw at
// out[p], which the host adds up in order: no atomics, the same bits every time.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0 and that no operand is empty. x_offset, gradient_offset and out_offset
// (in vec4) tell where in the bindings this dispatch's data starts.
// Lanes past the last channel and rows past the last one are not stored. Accumulation
// in f32, pixels ascending.

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let channel = group.x * SUBGROUP_SIZE + lane;
  let first_row = group.y * 4u;

  // Lane l loads row vector l % 4, of the first pixel of a pair where l % 8 < 4, else of the second.
  let rows = rows_at(first_row + lane % 4u);
  let ahead = (lane / 4u) % 2u;

  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  var r8 = vec4f(); var r9 = vec4f(); var r10 = vec4f(); var r11 = vec4f();
  var r12 = vec4f(); var r13 = vec4f(); var r14 = vec4f(); var r15 = vec4f();

  let end = (group.z + 1u) * params.strips / params.parts;
  for (var index = group.z * params.strips / params.parts; index < end; index++) {
    let strip = strip_at(index);
    let y = strip.y + rows.top;
    let inside = u32(y) < params.height;
    let start = start_of(strip, rows, y);
    let left = strip.x + rows.left;
    let gradient_at = params.gradient_offset + strip.pixel * params.cout4 + channel;
    for (var i = 0u; i < strip.count; i += 2u) {
      var loaded: array<vec4f, 2>;
      let mine = i + ahead;
      loaded[0] = value_at(start, left + i32(mine * params.stride), inside && mine < strip.count);
      if (SUBGROUP_SIZE < 8u) {
        let next = i + 1u;
        loaded[1] = value_at(start, left + i32(next * params.stride), inside && next < strip.count);
      }
      let g0 = gradient[gradient_at + i * params.cout4];
      let g1 = gradient[gradient_at + min(i + 1u, strip.count - 1u) * params.cout4];

      let a0 = subgroupBroadcast(loaded[0], 0u);
      let b0 = subgroupBroadcast(loaded[4u / SUBGROUP_SIZE % 2u], 4u % SUBGROUP_SIZE);
      r0 += a0.x * g0 + b0.x * g1;
      r1 += a0.y * g0 + b0.y * g1;
      r2 += a0.z * g0 + b0.z * g1;
      r3 += a0.w * g0 + b0.w * g1;
      let a1 = subgroupBroadcast(loaded[0], 1u);
      let b1 = subgroupBroadcast(loaded[5u / SUBGROUP_SIZE % 2u], 5u % SUBGROUP_SIZE);
      r4 += a1.x * g0 + b1.x * g1;
      r5 += a1.y * g0 + b1.y * g1;
      r6 += a1.z * g0 + b1.z * g1;
      r7 += a1.w * g0 + b1.w * g1;
      let a2 = subgroupBroadcast(loaded[0], 2u);
      let b2 = subgroupBroadcast(loaded[6u / SUBGROUP_SIZE % 2u], 6u % SUBGROUP_SIZE);
      r8 += a2.x * g0 + b2.x * g1;
      r9 += a2.y * g0 + b2.y * g1;
      r10 += a2.z * g0 + b2.z * g1;
      r11 += a2.w * g0 + b2.w * g1;
      let a3 = subgroupBroadcast(loaded[0], 3u);
      let b3 = subgroupBroadcast(loaded[7u / SUBGROUP_SIZE % 2u], 7u % SUBGROUP_SIZE);
      r12 += a3.x * g0 + b3.x * g1;
      r13 += a3.y * g0 + b3.y * g1;
      r14 += a3.z * g0 + b3.z * g1;
      r15 += a3.w * g0 + b3.w * g1;
    }
  }

  store(group.z, first_row, channel, r0, r1, r2, r3);
  store(group.z, first_row + 1u, channel, r4, r5, r6, r7);
  store(group.z, first_row + 2u, channel, r8, r9, r10, r11);
  store(group.z, first_row + 3u, channel, r12, r13, r14, r15);
}

fn store(part: u32, row: u32, channel: u32, r0: vec4f, r1: vec4f, r2: vec4f, r3: vec4f) {
  if (row < params.rows4 && channel < params.cout4) {
    let at = params.out_offset + (part * params.rows4 + row) * 4u * params.cout4 + channel;
    out[at] = r0;
    out[at + params.cout4] = r1;
    out[at + 2u * params.cout4] = r2;
    out[at + 3u * params.cout4] = r3;
  }
}
