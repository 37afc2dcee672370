// out[rows, n] = activate(a[rows, k] · b[k, n] + bias[n] + addend[rows, n]), row-major, n and k multiples of 4; b is [n, k]
// where TRANSPOSED.
//
// By subgroup matrices, which are what WGSL calls tensor cores: one workgroup is 4 subgroups of 32 lanes and computes 64 rows × 64
// columns, a subgroup 16 rows in four sums of 16 × 16. 32 values of k at a time are brought into workgroup memory as f16; the sums
// are f32 and go through workgroup memory to the store.
//
// Why: several times the multiply-adds per second where the device has them. The extension is Dawn's, experimental and not
// measured: openDevice asks for it only when told to, and tests it.
//
// The host guarantees k % 4 == 0, n % 4 == 0, rows > 0, subgroups of 32. What is read past an edge is not stored; past the last k
// both sides bring zeros. a and b are rounded to f16.

const SIDE: u32 = 16u;
const COLUMNS: u32 = 64u;
// In values and in vec4.
const DEPTH: u32 = 32u;
const DEPTH_4: u32 = 8u;

alias Left = subgroup_matrix_left<f16, SIDE, SIDE>;
alias Right = subgroup_matrix_right<f16, SIDE, SIDE>;
alias Sum = subgroup_matrix_result<f32, SIDE, SIDE>;

// [row][k]; [k][column], or [column][k] where TRANSPOSED, as b lies in memory; one sum of each subgroup.
var<workgroup> left_tile: array<f16, 64u * DEPTH>;
var<workgroup> right_tile: array<f16, DEPTH * COLUMNS>;
var<workgroup> sum_tile: array<f32, 4u * SIDE * SIDE>;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first_row = group.y * 64u;
  let first_column = group.x * COLUMNS / 4u;

  var sums: array<Sum, 4>;
  for (var k = 0u; k < params.k4; k += DEPTH_4) {
    #repeat (n < 4) keep_left(index + n * WORKGROUP_X, first_row, k);
    #repeat (n < 4) keep_right(index + n * WORKGROUP_X, first_column, k);
    workgroupBarrier();
    for (var step = 0u; step < DEPTH; step += SIDE) {
      let left = subgroupMatrixLoad<Left, row_major>(&left_tile, subgroup * SIDE * DEPTH + step, DEPTH);
      #repeat (n < 4) sums[n] = subgroupMatrixMultiplyAccumulate(left, right_at_step(step, n * SIDE), sums[n]);
    }
    workgroupBarrier();
  }

  #repeat (n < 4) store_sum(sums[n], subgroup, lane, first_row, first_column + 4u * n);
}

// The lanes of a subgroup store two vec4 each of its sum, 4 vec4 to a row.
fn store_sum(sum: Sum, subgroup: u32, lane: u32, first_row: u32, first_column: u32) {
  subgroupMatrixStore<row_major>(&sum_tile, subgroup * SIDE * SIDE, sum, SIDE);
  workgroupBarrier();
  let row = subgroup * SIDE + lane / 4u;
  #repeat (n < 2) store(first_row + row + 8u * n, first_column + lane % 4u, sum_at(row + 8u * n, lane % 4u));
  workgroupBarrier();
}

fn sum_at(row: u32, column: u32) -> vec4f {
  let at = row * SIDE + 4u * column;
  return vec4f(sum_tile[at], sum_tile[at + 1u], sum_tile[at + 2u], sum_tile[at + 3u]);
}

// Vec4 `index` of the tile, k fastest.
fn keep_left(index: u32, first_row: u32, first_k: u32) {
  let k = first_k + index % DEPTH_4;
  let v = vec4h(select(vec4f(), a[(first_row + index / DEPTH_4) * params.k4 + k], k < params.k4));
  #repeat (n < 4) left_tile[4u * index + n] = v[n];
}

#if ${TRANSPOSED}
fn right_at_step(step: u32, column: u32) -> Right {
  return subgroupMatrixLoad<Right, col_major>(&right_tile, column * DEPTH + step, DEPTH);
}

// Vec4 `index` of the tile, k fastest.
fn keep_right(index: u32, first_column: u32, first_k: u32) {
  let k = first_k + index % DEPTH_4;
  let v = vec4h(select(vec4f(), b[(4u * first_column + index / DEPTH_4) * params.k4 + k], k < params.k4));
  #repeat (n < 4) right_tile[4u * index + n] = v[n];
}
#else
fn right_at_step(step: u32, column: u32) -> Right {
  return subgroupMatrixLoad<Right, row_major>(&right_tile, step * COLUMNS + column, COLUMNS);
}

// Vec4 `index` of the tile, columns fastest.
fn keep_right(index: u32, first_column: u32, first_k: u32) {
  let k = 4u * first_k + index / (COLUMNS / 4u);
  let v = vec4h(select(vec4f(), b[k * params.n4 + first_column + index % (COLUMNS / 4u)], k < 4u * params.k4));
  #repeat (n < 4) right_tile[4u * index + n] = v[n];
}
#endif
