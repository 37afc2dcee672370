// out[rows, n] = activate(a[rows, k] · b[k, n] + bias[n] + addend[rows, n]), row-major, n and k multiples of 4; b is [n, k]
// where TRANSPOSED.
//
// One workgroup is 16 × 8 invocations and computes 8 · ROWS rows × 64 columns by tiles in workgroup memory
// (lib/shared-tile.wgsl). While the tiles of one step of k are multiplied, those of the next are on their way into registers.
//
// Why: hardware GPUs serve workgroup memory faster than their caches. Software adapters pay for every barrier.
//
// The host guarantees k % 4 == 0, n % 4 == 0, rows > 0. What is read past an edge is not stored, what is read past the last k is
// not multiplied. Accumulation in f32, k ascending; HALF rounds a and b to f16.

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let first_row = group.y * TILE_ROWS;
  let left = left_part(index);
  var left_from = (first_row + left.row) * params.k4 + left.k;
  let right = right_part(index);
  var right_from = right_at(right.k, group.x * TILE_COLUMNS + right.column) + right.row * right_step();

  var sums: array<vec4f, ROWS>;
  var a_values = fetch_left(left_from);
  var b_values = fetch_right(right_from);
  for (var k = 0u; k < params.k4; k += TILE_DEPTH) {
    keep_left(index, a_values);
    keep_right(right, b_values);
    workgroupBarrier();
    left_from += TILE_DEPTH;
    right_from += right_advance();
    a_values = fetch_left(left_from);
    b_values = fetch_right(right_from);
    add_tiles(&sums, local.y, local.x, min(TILE_DEPTH, params.k4 - k));
    workgroupBarrier();
  }

  #repeat (n < ROWS) store(first_row + local.y + 8u * n, group.x * TILE_COLUMNS + local.x, sums[n]);
}

fn fetch_left(at: u32) -> array<vec4f, 2> {
  var values: array<vec4f, 2>;
  #repeat (n < 2) if (n < ROWS / 4u) { values[n] = a[at + n * LEFT_STRIDE * params.k4]; }
  return values;
}

fn fetch_right(at: u32) -> array<vec4f, 2> {
#if ${TRANSPOSED}
  return array(b[at], b[at + 4u * RIGHT_COLUMNS * params.k4]);
#else
  return array(b[at], b[at + RIGHT_ROWS * params.n4]);
#endif
}

fn right_advance() -> u32 {
#if ${TRANSPOSED}
  return TILE_DEPTH;
#else
  return 4u * TILE_DEPTH * params.n4;
#endif
}
