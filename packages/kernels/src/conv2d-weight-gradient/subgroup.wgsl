// Parts of dw[kh·kw·Cin, Cout] = Σ over output pixels of x[source pixel at the tap, Cin]ᵀ · gradient[pixel, Cout], the gradient
// of a convolution's weight; BIAS_SUMS also parts of Σ over output pixels of the gradient, that of its bias.
//
// An implicit GEMM whose long axis is the pixels: one workgroup is one subgroup of SUBGROUP_SIZE lanes and computes 4 * ROWS_4
// rows (vec4s of input channels, each at its own tap) × SUBGROUP_SIZE vec4 of output channels over one part of the pixels.
// For every two pixels of a strip the lanes together load the rows' values once and hand them round with
// subgroupBroadcast; each lane loads its own two vec4 of the gradient. Zero padding: a lane whose pixel lies outside x
// selects zero. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane, so
// loads, not multiply-adds, are what costs. With 32 rows they are two thirds of what they are with 16 per product.
//
// The grid is channels × rows × parts; part p of P takes strips p·n / P to (p + 1)·n / P and writes a whole dw at
// out[p], and a whole sum at bias_sums[first_part + p], which the host adds up in order: no atomics, the same bits every
// time.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0, that no operand is empty, and ROWS_4 <= 2 * SUBGROUP_SIZE. params.parts
// is P + 256·first_part. x_offset, gradient_offset and out_offset (in vec4) tell where in the bindings this dispatch's data
// starts. Lanes past the last channel and rows past the last one are not stored. Accumulation in f32, pixels ascending.

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let channel = group.x * SUBGROUP_SIZE + lane;
  let first_row = group.y * ROWS_4;

  // The values of a pair of pixels, those of the first one in front, are dealt out to the lanes: value v to lane
  // v % SUBGROUP_SIZE, as its load v / SUBGROUP_SIZE. Every other load of a lane is of the same row vector.
  var rows: array<Rows, 2>;
  #repeat (n < 2) rows[n] = rows_at(first_row + (lane + n * SUBGROUP_SIZE) % ROWS_4);

  var sums: array<vec4f, 4u * ROWS_4>;
#if ${BIAS_SUMS}
  var bias_sum = vec4f();
#endif

  let parts = params.parts & 255u;
  let end = (group.z + 1u) * params.strips / parts;
  for (var index = group.z * params.strips / parts; index < end; index++) {
    let strip = strip_at(index);
    var lines: array<Line, 2>;
    #repeat (n < 2) lines[n] = line_of(strip, rows[n]);
    let gradient_at = params.gradient_offset + strip.pixel * params.cout4 + channel;
    for (var i = 0u; i < strip.count; i += 2u) {
      var loaded: array<vec4f, 4>;
      #repeat (n < 4) if (n * SUBGROUP_SIZE < 2u * ROWS_4) { loaded[n] = value_of(lines[n % max(1u, ROWS_4 / SUBGROUP_SIZE)], i + (lane + n * SUBGROUP_SIZE) / ROWS_4 % 2u, strip.count); }
      let g0 = gradient[gradient_at + i * params.cout4];
      let g1 = gradient[gradient_at + min(i + 1u, strip.count - 1u) * params.cout4];
#if ${BIAS_SUMS}
      bias_sum += g0 + select(vec4f(), g1, i + 1u < strip.count);
#endif

      var first: array<vec4f, ROWS_4>;
      var second: array<vec4f, ROWS_4>;
      #repeat (n < ROWS_4) first[n] = subgroupBroadcast(loaded[n / SUBGROUP_SIZE], n % SUBGROUP_SIZE);
      #repeat (n < ROWS_4) second[n] = subgroupBroadcast(loaded[(ROWS_4 + n) / SUBGROUP_SIZE], (ROWS_4 + n) % SUBGROUP_SIZE);
      #repeat (n < ROWS_4) sums[4u * n] += first[n].x * g0 + second[n].x * g1;
      #repeat (n < ROWS_4) sums[4u * n + 1u] += first[n].y * g0 + second[n].y * g1;
      #repeat (n < ROWS_4) sums[4u * n + 2u] += first[n].z * g0 + second[n].z * g1;
      #repeat (n < ROWS_4) sums[4u * n + 3u] += first[n].w * g0 + second[n].w * g1;
    }
  }

  #repeat (n < ROWS_4) store(group.z, first_row + n, channel, sums[4u * n], sums[4u * n + 1u], sums[4u * n + 2u], sums[4u * n + 3u]);
#if ${BIAS_SUMS}
  if (group.y == 0u && channel < params.cout4) {
    bias_sums[((params.parts >> 8u) + group.z) * params.cout4 + channel] = bias_sum;
  }
#endif
}

// Where the values of a row vector lie for the pixels of a strip.
struct Line {
  start: u32,
  left: i32,
  inside: bool,
}

fn line_of(strip: Strip, rows: Rows) -> Line {
  let y = strip.y + rows.top;
  return Line(start_of(strip, rows, y), strip.x + rows.left, u32(y) < params.height);
}

// Of pixel i of a strip of `count`; zeros past its end.
fn value_of(line: Line, i: u32, count: u32) -> vec4f {
  return value_at(line.start, line.left + i32(i * params.stride), line.inside && i < count);
}
