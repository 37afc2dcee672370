// out[B, Ho, Wo, Cout] = activate(convolution of x[B, H, W, Cin] with weight[kh, kw, Cin, Cout] + bias[Cout]).
//
// An implicit GEMM over flattened output pixels: one workgroup is 16 × 8 invocations and computes 8 · ROWS pixels × 64 output
// channels by tiles in workgroup memory (lib/shared-tile.wgsl), one tap and up to 16 input channels after the other. While the tiles
// of one step are multiplied, those of the next are on their way into registers. Zero padding: a pixel that lies outside x at
// a tap brings zero.
//
// Why: hardware GPUs serve workgroup memory faster than their caches. Software adapters pay for every barrier.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0, and that pixels, height, width, Cin and Cout are not zero. x_offset and
// out_offset (in vec4) tell where in the bindings this dispatch's rows start. What is read past an edge is not stored, what is
// read past the last channel is not multiplied. Accumulation in f32, taps row by row, input channels ascending; HALF rounds x and
// the weight to f16.

// A step: a tap, and the first of its vec4 of input channels.
struct Step {
  ky: u32,
  kx: u32,
  c: u32,
}

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let first_pixel = (group.z * groups.y + group.y) * TILE_ROWS;
  let left = left_part(index);
  let pixels = array(pixel_at(first_pixel + left.row), pixel_at(first_pixel + left.row + LEFT_STRIDE));
  let right = right_part(index);
  let weight_from = (4u * right.k + right.row) * params.cout4 + group.x * TILE_COLUMNS + right.column;

  var sums: array<vec4f, ROWS>;
  var step = Step(0u, 0u, 0u);
  var values = fetch_left(pixels, step, left.k);
  var weights = fetch_right(step, weight_from);
  while (step.ky < params.kernel_height) {
    keep_left(index, values);
    keep_right(right, weights);
    workgroupBarrier();
    let depth = min(TILE_DEPTH, params.cin4 - step.c);
    step = after(step);
    values = fetch_left(pixels, step, left.k);
    weights = fetch_right(step, weight_from);
    add_tiles(&sums, local.y, local.x, depth);
    workgroupBarrier();
  }

  #repeat (n < ROWS) store(first_pixel + local.y + 8u * n, group.x * TILE_COLUMNS + local.x, sums[n]);
}

fn after(step: Step) -> Step {
  if (step.c + TILE_DEPTH < params.cin4) { return Step(step.ky, step.kx, step.c + TILE_DEPTH); }
  if (step.kx + 1u < params.kernel_width) { return Step(step.ky, step.kx + 1u, 0u); }
  return Step(step.ky + 1u, 0u, 0u);
}

fn fetch_left(pixels: array<Pixel, 2>, step: Step, k: u32) -> array<vec4f, 2> {
  var values: array<vec4f, 2>;
  #repeat (n < 2) if (n < ROWS / 4u) { values[n] = value_at(pixels[n], step, k); }
  return values;
}

fn value_at(pixel: Pixel, step: Step, k: u32) -> vec4f {
  let tap = tap_of(pixel, step.ky, step.kx);
  return select(vec4f(), x[tap.at + step.c + k], tap.inside);
}

fn fetch_right(step: Step, at: u32) -> array<vec4f, 2> {
  let first = at + 4u * ((step.ky * params.kernel_width + step.kx) * params.cin4 + step.c) * params.cout4;
  return array(weight[first], weight[first + RIGHT_ROWS * params.cout4]);
}

fn product(v: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
  return combine(v, b0, b1, b2, b3);
}
