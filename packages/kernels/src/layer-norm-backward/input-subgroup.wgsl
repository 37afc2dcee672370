// Gradient of x through (x − mean) · scale · weight + bias over rows of 4·c4 channels, statistics[row] = (mean, scale):
// out[row, c] = scale · (h[c] − mean of h − n[c] · mean of h·n), h = gradient · weight, n = (x − mean) · scale.
//
// One workgroup is one subgroup of SUBGROUP_SIZE lanes (a power of two, 4 to 128) and computes four rows: each lane
// takes every SUBGROUP_SIZE-th vec4 of each row, and the lanes' sums are added by exchanging them in log₂ steps. No
// barriers; the weight is loaded once for four rows.
//
// Lanes past the row's end read its last vec4 and count nothing; neither they nor rows past the last are stored.
// Numerics: f32.

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row = 4u * (group.y * groups.x + group.x) + vec4u(0u, 1u, 2u, 3u);
  let at = row * params.c4;
  let last = params.c4 - 1u;
  let channels = f32(4u * params.c4);

  let known = transpose(mat4x2f(statistics[row.x], statistics[row.y], statistics[row.z], statistics[row.w]));
  let mean = known[0];
  let scale = known[1];

  var sum0 = vec4f(); var sum1 = vec4f(); var sum2 = vec4f(); var sum3 = vec4f();
  var along0 = vec4f(); var along1 = vec4f(); var along2 = vec4f(); var along3 = vec4f();
  for (var first = 0u; first < params.c4; first += SUBGROUP_SIZE) {
    let c = min(first + lane, last);
    let w = select(0.0, 1.0, first + lane <= last) * weight[c];
    let h0 = gradient[at.x + c] * w;
    let h1 = gradient[at.y + c] * w;
    let h2 = gradient[at.z + c] * w;
    let h3 = gradient[at.w + c] * w;
    sum0 += h0;
    sum1 += h1;
    sum2 += h2;
    sum3 += h3;
    along0 += h0 * ((x[at.x + c] - mean.x) * scale.x);
    along1 += h1 * ((x[at.y + c] - mean.y) * scale.y);
    along2 += h2 * ((x[at.z + c] - mean.z) * scale.z);
    along3 += h3 * ((x[at.w + c] - mean.w) * scale.w);
  }
  let shift = total(sum0, sum1, sum2, sum3) / channels;
  let slope = total(along0, along1, along2, along3) / channels;

  let live = row < vec4u(params.rows);
  for (var first = 0u; first < params.c4; first += SUBGROUP_SIZE) {
    let c = min(first + lane, last);
    let stored = live & vec4<bool>(first + lane <= last);
    let w = weight[c];
    let n0 = (x[at.x + c] - mean.x) * scale.x;
    let n1 = (x[at.y + c] - mean.y) * scale.y;
    let n2 = (x[at.z + c] - mean.z) * scale.z;
    let n3 = (x[at.w + c] - mean.w) * scale.w;
    if (stored.x) { out[at.x + c] = scale.x * (gradient[at.x + c] * w - shift.x - n0 * slope.x); }
    if (stored.y) { out[at.y + c] = scale.y * (gradient[at.y + c] * w - shift.y - n1 * slope.y); }
    if (stored.z) { out[at.z + c] = scale.z * (gradient[at.z + c] * w - shift.z - n2 * slope.z); }
    if (stored.w) { out[at.w + c] = scale.w * (gradient[at.w + c] * w - shift.w - n3 * slope.w); }
  }
}

// Per row, the sum over lanes and components, the same in every lane.
fn total(row0: vec4f, row1: vec4f, row2: vec4f, row3: vec4f) -> vec4f {
  let one = vec4f(1.0);
  var sum = vec4f(dot(row0, one), dot(row1, one), dot(row2, one), dot(row3, one));
  for (var distance = 1u; distance < SUBGROUP_SIZE; distance *= 2u) {
    sum += subgroupShuffleXor(sum, distance);
  }
  return sum;
}
