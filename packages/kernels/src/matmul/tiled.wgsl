// out[rows, n] = activate(a[rows, k] · b[k, n] + bias[n] + addend[rows, n]), row-major, n and k multiples of 4; b is [n, k]
// where TRANSPOSED.
//
// Each invocation computes 8 rows × one vec4 of columns in registers; a workgroup is 8 × 8 invocations, 64 rows ×
// 32 columns. No subgroups, no workgroup memory, no barriers: runs on every device.
//
// The host guarantees k % 4 == 0, n % 4 == 0, rows > 0. Invocations past the edges store nothing. Accumulation in f32,
// k ascending.

const ROWS: u32 = 8u;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  let first_row = id.y * ROWS;
  var row_at: array<u32, ROWS>;
  #repeat (n < 8) row_at[n] = (first_row + n) * params.k4;
  var sums: array<vec4f, ROWS>;

  for (var k = 0u; k < params.k4; k++) {
    let at = right_at(k, column);
    let step = right_step();
    let b0 = b[at];
    let b1 = b[at + step];
    let b2 = b[at + 2u * step];
    let b3 = b[at + 3u * step];
    #repeat (n < 8) sums[n] += product(a[row_at[n] + k], b0, b1, b2, b3);
  }

  #repeat (n < 8) store(first_row + n, column, sums[n]);
}
