// out[rows, n] = activate(a[rows, k] · b[k, n] + bias[n] + addend[rows, n]), row-major, n and k multiples of 4; b is [n, k]
// where TRANSPOSED.
//
// One workgroup is one subgroup of SUBGROUP_SIZE lanes and computes ROWS rows × SUBGROUP_SIZE vec4 columns. For every
// vec4 of k the lanes together load the rows' values once (ROWS / SUBGROUP_SIZE loads each) and hand them round
// with subgroupBroadcast; each lane loads its own four vec4 of b. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane, so
// loads, not multiply-adds, are what costs. 32 rows need two thirds of the loads per product that 16 do, and fewer
// workgroups.
//
// The host guarantees k % 4 == 0, n % 4 == 0, rows > 0, and ROWS <= 8 * SUBGROUP_SIZE. Lanes past the last column and
// rows past the last row are not stored. Accumulation in f32, k ascending.

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let column = group.x * SUBGROUP_SIZE + lane;
  let first_row = group.y * ROWS;

  // Lane l loads rows l, l + SUBGROUP_SIZE, … of the workgroup's.
  var row_at: array<u32, 8>;
  #repeat (n < 8) row_at[n] = (first_row + lane + n * SUBGROUP_SIZE) * params.k4;

  var sums: array<vec4f, ROWS>;

  for (var k = 0u; k < params.k4; k++) {
    var x: array<vec4f, 8>;
    #repeat (n < 8) if (n * SUBGROUP_SIZE < ROWS) { x[n] = a[row_at[n] + k]; }
    let at = right_at(k, column);
    let step = right_step();
    let b0 = b[at];
    let b1 = b[at + step];
    let b2 = b[at + 2u * step];
    let b3 = b[at + 3u * step];
    #repeat (n < ROWS) sums[n] += product(subgroupBroadcast(x[n / SUBGROUP_SIZE], n % SUBGROUP_SIZE), b0, b1, b2, b3);
  }

  #repeat (n < ROWS) store(first_row + n, column, sums[n]);
}
