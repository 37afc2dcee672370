// A product by tiles in workgroup memory, for hardware GPUs: 8 · ROWS rows of the left-hand matrix and 16 vec4 of columns of
// the right-hand one, 4 vec4 of k deep. A workgroup is 16 × 8 invocations; each adds up ROWS rows × one vec4 of columns in
// registers, for which it reads 4 + ROWS vec4 of the tiles per 16 · ROWS multiply-adds.
//
// Uses the kernel's constants ROWS (4 or 8), HALF (tiles in f16, sums in f32) and TRANSPOSED, and its function product(). Vec4 k of
// row r lies at left_tile[4 · r + k]; the four vec4 that product() takes for step k and a vec4 of columns c lie at
// right_tile[(4 · k + 0 … 3) · 17 + c]: a row more than it needs, so that what neighbours write lies in different banks. For the
// same reason an invocation's rows are eight apart.

#if ${HALF}
alias Tile = vec4h;
#else
alias Tile = vec4f;
#endif

const TILE_ROWS: u32 = 8u * ROWS;
const TILE_COLUMNS: u32 = 16u;
const TILE_DEPTH: u32 = 4u;
const RIGHT_PITCH: u32 = 17u;

var<workgroup> left_tile: array<Tile, TILE_ROWS * TILE_DEPTH>;
var<workgroup> right_tile: array<Tile, 4u * TILE_DEPTH * RIGHT_PITCH>;

// An invocation brings vec4 `k` of the rows `row` and, where ROWS is 8, `row` + LEFT_STRIDE: neighbours read neighbouring k.
struct LeftPart {
  row: u32,
  k: u32,
}
const LEFT_STRIDE: u32 = 32u;

fn left_part(index: u32) -> LeftPart {
  return LeftPart(index / TILE_DEPTH, index % TILE_DEPTH);
}

fn keep_left(index: u32, values: array<vec4f, 2>) {
  #repeat (n < 2) if (n < ROWS / 4u) { left_tile[index + n * LEFT_STRIDE * TILE_DEPTH] = Tile(values[n]); }
}

// And two vec4 of the right-hand tile: of `column`, `row` 0 to 3 of step `k` and the one RIGHT_ROWS rows on; or where
// TRANSPOSED, in which memory runs along k, the one RIGHT_COLUMNS vec4 of columns on.
struct RightPart {
  k: u32,
  row: u32,
  column: u32,
}
const RIGHT_ROWS: u32 = 8u;
const RIGHT_COLUMNS: u32 = 8u;

fn right_part(index: u32) -> RightPart {
#if ${TRANSPOSED}
  return RightPart(index % 4u, index / 4u % 4u, index / 16u);
#else
  return RightPart(index / 64u, index / 16u % 4u, index % 16u);
#endif
}

fn keep_right(part: RightPart, values: array<vec4f, 2>) {
  let at = (4u * part.k + part.row) * RIGHT_PITCH + part.column;
  right_tile[at] = Tile(values[0]);
#if ${TRANSPOSED}
  right_tile[at + RIGHT_COLUMNS] = Tile(values[1]);
#else
  right_tile[at + RIGHT_ROWS * RIGHT_PITCH] = Tile(values[1]);
#endif
}

// For rows `first_row`, `first_row` + 8, …. `depth` is how many of the tile's vec4 of k exist.
fn add_tiles(sums: ptr<function, array<vec4f, ROWS>>, first_row: u32, column: u32, depth: u32) {
  for (var k = 0u; k < depth; k++) {
    let at = 4u * k * RIGHT_PITCH + column;
    let b0 = vec4f(right_tile[at]);
    let b1 = vec4f(right_tile[at + RIGHT_PITCH]);
    let b2 = vec4f(right_tile[at + 2u * RIGHT_PITCH]);
    let b3 = vec4f(right_tile[at + 3u * RIGHT_PITCH]);
    #repeat (n < ROWS) (*sums)[n] += product(vec4f(left_tile[(first_row + 8u * n) * TILE_DEPTH + k]), b0, b1, b2, b3);
  }
}
