// Parts of dw[kh·kw·Cin, Cout] = Σ over output pixels of x[source pixel at the tap, Cin]ᵀ · gradient[pixel, Cout], the gradient
// of a convolution's weight; BIAS_SUMS also parts of Σ over output pixels of the gradient, that of its bias.
//
// An implicit GEMM whose long axis is the pixels: one workgroup is 16 × 8 invocations and computes 64 rows (16 vec4 of input
// channels, each at its own tap) × 64 output channels over one part of the pixels. Of every 16 pixels of a strip the rows' values
// and the gradient are brought into workgroup memory, from which an invocation reads 3 vec4 per 32 multiply-adds. Zero padding: a
// pixel that lies outside x brings zero.
//
// Why: hardware GPUs serve workgroup memory faster than their caches. Software adapters pay for every barrier.
//
// The grid is channels × rows × parts; part p of P takes strips p·n / P to (p + 1)·n / P and writes a whole dw at
// out[p], and a whole sum at bias_sums[first_part + p], which the host adds up in order: no atomics, the same bits every
// time.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0 and that no operand is empty. params.parts is P + 256·first_part. x_offset,
// gradient_offset and out_offset (in vec4) tell where in the bindings this dispatch's data starts. What is read past an edge is
// not stored, what is read past a strip is not multiplied. Accumulation in f32, pixels ascending.

const PIXELS: u32 = 16u;
const TILE: u32 = 16u;

// Vec4 v of pixel p lies at [16 · p + v].
var<workgroup> row_tile: array<vec4f, PIXELS * TILE>;
var<workgroup> gradient_tile: array<vec4f, PIXELS * TILE>;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let first_row = group.y * TILE;
  let first_channel = group.x * TILE;
  // An invocation brings one vec4 of rows and one of channels, of pixels `pixel` and `pixel` + 8.
  let rows = rows_at(first_row + index % TILE);
  let pixel = index / TILE;

  var sums: array<vec4f, 8>;
#if ${BIAS_SUMS}
  var bias_sum = vec4f();
#endif

  let parts = params.parts & 255u;
  let end = (group.z + 1u) * params.strips / parts;
  for (var strip_index = group.z * params.strips / parts; strip_index < end; strip_index++) {
    let strip = strip_at(strip_index);
    let y = strip.y + rows.top;
    let inside = u32(y) < params.height;
    let start = start_of(strip, rows, y);
    let gradient_at = params.gradient_offset + strip.pixel * params.cout4 + first_channel + index % TILE;
    for (var i = 0u; i < strip.count; i += PIXELS) {
      #repeat (n < 2) row_tile[index + 128u * n] = value_at(start, strip.x + rows.left + i32((i + pixel + 8u * n) * params.stride), inside);
      #repeat (n < 2) gradient_tile[index + 128u * n] = gradient[gradient_at + (i + pixel + 8u * n) * params.cout4];
      workgroupBarrier();
      let count = min(PIXELS, strip.count - i);
      for (var p = 0u; p < count; p++) {
        let g = gradient_tile[TILE * p + local.x];
        let v0 = row_tile[TILE * p + 2u * local.y];
        let v1 = row_tile[TILE * p + 2u * local.y + 1u];
        #repeat (n < 4) sums[n] += v0[n] * g;
        #repeat (n < 4) sums[4u + n] += v1[n] * g;
#if ${BIAS_SUMS}
        bias_sum += g;
#endif
      }
      workgroupBarrier();
    }
  }

  let row = first_row + 2u * local.y;
  let channel = first_channel + local.x;
  store(group.z, row, channel, sums[0], sums[1], sums[2], sums[3]);
  store(group.z, row + 1u, channel, sums[4], sums[5], sums[6], sums[7]);
#if ${BIAS_SUMS}
  if (row == 0u && channel < params.cout4) {
    bias_sums[((params.parts >> 8u) + group.z) * params.cout4 + channel] = bias_sum;
  }
#endif
}
