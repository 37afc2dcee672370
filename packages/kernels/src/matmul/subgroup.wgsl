// out[rows, n] = activate(a[rows, k] · b[k, n] + bias[n]), row-major, n and k multiples of 4.
//
// One workgroup is one subgroup of SUBGROUP_SIZE lanes and computes 16 rows × SUBGROUP_SIZE vec4 columns. For every
// vec4 of k the lanes together load the 16 rows' values once (16 / SUBGROUP_SIZE loads each) and hand them round
// with subgroupBroadcast; each lane loads its own four vec4 of b. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane, so
// loads, not multiply-adds, are what costs.
//
// The host guarantees k % 4 == 0, n % 4 == 0, rows > 0. Lanes past the last column and rows past the last row
// are not stored. Accumulation in f32, k ascending.

const ROWS: u32 = 16u;

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let column = group.x * SUBGROUP_SIZE + lane;
  let first_row = group.y * ROWS;

  // Lane l loads rows l, l + SUBGROUP_SIZE, … of the 16.
  let a0 = (first_row + lane) * params.k4;
  let a1 = (first_row + lane + SUBGROUP_SIZE) * params.k4;
  let a2 = (first_row + lane + 2u * SUBGROUP_SIZE) * params.k4;
  let a3 = (first_row + lane + 3u * SUBGROUP_SIZE) * params.k4;

  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  var r8 = vec4f(); var r9 = vec4f(); var r10 = vec4f(); var r11 = vec4f();
  var r12 = vec4f(); var r13 = vec4f(); var r14 = vec4f(); var r15 = vec4f();

  for (var k = 0u; k < params.k4; k++) {
    var x: array<vec4f, 4>;
    x[0] = a[a0 + k];
    if (SUBGROUP_SIZE < 16u) { x[1] = a[a1 + k]; }
    if (SUBGROUP_SIZE < 8u) { x[2] = a[a2 + k]; x[3] = a[a3 + k]; }
    let at = 4u * k * params.n4 + column;
    let b0 = b[at];
    let b1 = b[at + params.n4];
    let b2 = b[at + 2u * params.n4];
    let b3 = b[at + 3u * params.n4];

    let v0 = subgroupBroadcast(x[0u / SUBGROUP_SIZE], 0u % SUBGROUP_SIZE);
    r0 += v0.x * b0 + v0.y * b1 + v0.z * b2 + v0.w * b3;
    let v1 = subgroupBroadcast(x[1u / SUBGROUP_SIZE], 1u % SUBGROUP_SIZE);
    r1 += v1.x * b0 + v1.y * b1 + v1.z * b2 + v1.w * b3;
    let v2 = subgroupBroadcast(x[2u / SUBGROUP_SIZE], 2u % SUBGROUP_SIZE);
    r2 += v2.x * b0 + v2.y * b1 + v2.z * b2 + v2.w * b3;
    let v3 = subgroupBroadcast(x[3u / SUBGROUP_SIZE], 3u % SUBGROUP_SIZE);
    r3 += v3.x * b0 + v3.y * b1 + v3.z * b2 + v3.w * b3;
    let v4 = subgroupBroadcast(x[4u / SUBGROUP_SIZE], 4u % SUBGROUP_SIZE);
    r4 += v4.x * b0 + v4.y * b1 + v4.z * b2 + v4.w * b3;
    let v5 = subgroupBroadcast(x[5u / SUBGROUP_SIZE], 5u % SUBGROUP_SIZE);
    r5 += v5.x * b0 + v5.y * b1 + v5.z * b2 + v5.w * b3;
    let v6 = subgroupBroadcast(x[6u / SUBGROUP_SIZE], 6u % SUBGROUP_SIZE);
    r6 += v6.x * b0 + v6.y * b1 + v6.z * b2 + v6.w * b3;
    let v7 = subgroupBroadcast(x[7u / SUBGROUP_SIZE], 7u % SUBGROUP_SIZE);
    r7 += v7.x * b0 + v7.y * b1 + v7.z * b2 + v7.w * b3;
    let v8 = subgroupBroadcast(x[8u / SUBGROUP_SIZE], 8u % SUBGROUP_SIZE);
    r8 += v8.x * b0 + v8.y * b1 + v8.z * b2 + v8.w * b3;
    let v9 = subgroupBroadcast(x[9u / SUBGROUP_SIZE], 9u % SUBGROUP_SIZE);
    r9 += v9.x * b0 + v9.y * b1 + v9.z * b2 + v9.w * b3;
    let v10 = subgroupBroadcast(x[10u / SUBGROUP_SIZE], 10u % SUBGROUP_SIZE);
    r10 += v10.x * b0 + v10.y * b1 + v10.z * b2 + v10.w * b3;
    let v11 = subgroupBroadcast(x[11u / SUBGROUP_SIZE], 11u % SUBGROUP_SIZE);
    r11 += v11.x * b0 + v11.y * b1 + v11.z * b2 + v11.w * b3;
    let v12 = subgroupBroadcast(x[12u / SUBGROUP_SIZE], 12u % SUBGROUP_SIZE);
    r12 += v12.x * b0 + v12.y * b1 + v12.z * b2 + v12.w * b3;
    let v13 = subgroupBroadcast(x[13u / SUBGROUP_SIZE], 13u % SUBGROUP_SIZE);
    r13 += v13.x * b0 + v13.y * b1 + v13.z * b2 + v13.w * b3;
    let v14 = subgroupBroadcast(x[14u / SUBGROUP_SIZE], 14u % SUBGROUP_SIZE);
    r14 += v14.x * b0 + v14.y * b1 + v14.z * b2 + v14.w * b3;
    let v15 = subgroupBroadcast(x[15u / SUBGROUP_SIZE], 15u % SUBGROUP_SIZE);
    r15 += v15.x * b0 + v15.y * b1 + v15.z * b2 + v15.w * b3;
  }

  store(first_row, column, r0);
  store(first_row + 1u, column, r1);
  store(first_row + 2u, column, r2);
  store(first_row + 3u, column, r3);
  store(first_row + 4u, column, r4);
  store(first_row + 5u, column, r5);
  store(first_row + 6u, column, r6);
  store(first_row + 7u, column, r7);
  store(first_row + 8u, column, r8);
  store(first_row + 9u, column, r9);
  store(first_row + 10u, column, r10);
  store(first_row + 11u, column, r11);
  store(first_row + 12u, column, r12);
  store(first_row + 13u, column, r13);
  store(first_row + 14u, column, r14);
  store(first_row + 15u, column, r15);
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
