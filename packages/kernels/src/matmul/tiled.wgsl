// out[rows, n] = activate(a[rows, k] · b[k, n] + bias[n]), row-major, n and k multiples of 4.
//
// Each invocation computes 8 rows × one vec4 of columns in registers; a workgroup is 8 × 8 invocations, 64 rows ×
// 32 columns. No subgroups, no workgroup memory, no barriers: runs on every device.
//
// The host guarantees k % 4 == 0, n % 4 == 0, rows > 0. Invocations past the edges
// store nothing. Accumulation in f32, k ascending.

const ROWS: u32 = 8u;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  let first_row = id.y * ROWS;
  let k4 = params.k4;
  let a0 = first_row * k4;
  let a1 = (first_row + 1u) * k4;
  let a2 = (first_row + 2u) * k4;
  let a3 = (first_row + 3u) * k4;
  let a4 = (first_row + 4u) * k4;
  let a5 = (first_row + 5u) * k4;
  let a6 = (first_row + 6u) * k4;
  let a7 = (first_row + 7u) * k4;

  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();

  for (var k = 0u; k < k4; k++) {
    let at = 4u * k * params.n4 + column;
    let b0 = b[at];
    let b1 = b[at + params.n4];
    let b2 = b[at + 2u * params.n4];
    let b3 = b[at + 3u * params.n4];
    let v0 = a[a0 + k];
    r0 += v0.x * b0 + v0.y * b1 + v0.z * b2 + v0.w * b3;
    let v1 = a[a1 + k];
    r1 += v1.x * b0 + v1.y * b1 + v1.z * b2 + v1.w * b3;
    let v2 = a[a2 + k];
    r2 += v2.x * b0 + v2.y * b1 + v2.z * b2 + v2.w * b3;
    let v3 = a[a3 + k];
    r3 += v3.x * b0 + v3.y * b1 + v3.z * b2 + v3.w * b3;
    let v4 = a[a4 + k];
    r4 += v4.x * b0 + v4.y * b1 + v4.z * b2 + v4.w * b3;
    let v5 = a[a5 + k];
    r5 += v5.x * b0 + v5.y * b1 + v5.z * b2 + v5.w * b3;
    let v6 = a[a6 + k];
    r6 += v6.x * b0 + v6.y * b1 + v6.z * b2 + v6.w * b3;
    let v7 = a[a7 + k];
    r7 += v7.x * b0 + v7.y * b1 + v7.z * b2 + v7.w * b3;
  }

  store(first_row, column, r0);
  store(first_row + 1u, column, r1);
  store(first_row + 2u, column, r2);
  store(first_row + 3u, column, r3);
  store(first_row + 4u, column, r4);
  store(first_row + 5u, column, r5);
  store(first_row + 6u, column, r6);
  store(first_row + 7u, column, r7);
}

fn store(row: u32, column: u32, sum: vec4f) {
  if (row < params.rows && column < params.n4) {
    var value = sum;
#if ${HAS_BIAS}
    value += bias[column];
#endif
    out[row * params.n4 + column] = activate(value, params.slope);
  }
}
