// out[row, c] = (x[row, c] − mean) / √(variance + eps) · weight[c] + bias[c], over rows of 4·c4 channels;
// with STATISTICS also statistics[row] = (mean, 1 / √(variance + eps)), which the backward pass takes.
//
// One workgroup is one subgroup of SUBGROUP_SIZE lanes (a power of two, 4 to 128) and computes four rows: each lane
// takes every SUBGROUP_SIZE-th vec4 of each row, and the lanes' sums are added by exchanging them in log₂ steps. No
// barriers; weight and bias are loaded once for four rows.
//
// Lanes past the row's end read its last vec4 and count nothing; neither they nor rows past the last are stored.
// Numerics: f32, biased variance, the mean is subtracted before squaring.

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row = 4u * (group.y * groups.x + group.x) + vec4u(0u, 1u, 2u, 3u);
  let at = row * params.c4;
  let last = params.c4 - 1u;

  var sum0 = vec4f(); var sum1 = vec4f(); var sum2 = vec4f(); var sum3 = vec4f();
  for (var first = 0u; first < params.c4; first += SUBGROUP_SIZE) {
    let c = min(first + lane, last);
    let counted = select(0.0, 1.0, first + lane <= last);
    sum0 += counted * x[at.x + c];
    sum1 += counted * x[at.y + c];
    sum2 += counted * x[at.z + c];
    sum3 += counted * x[at.w + c];
  }
  let mean = total(sum0, sum1, sum2, sum3) / f32(4u * params.c4);

  sum0 = vec4f(); sum1 = vec4f(); sum2 = vec4f(); sum3 = vec4f();
  for (var first = 0u; first < params.c4; first += SUBGROUP_SIZE) {
    let c = min(first + lane, last);
    let counted = select(0.0, 1.0, first + lane <= last);
    let d0 = x[at.x + c] - mean.x;
    let d1 = x[at.y + c] - mean.y;
    let d2 = x[at.z + c] - mean.z;
    let d3 = x[at.w + c] - mean.w;
    sum0 += counted * d0 * d0;
    sum1 += counted * d1 * d1;
    sum2 += counted * d2 * d2;
    sum3 += counted * d3 * d3;
  }
  let scale = inverseSqrt(total(sum0, sum1, sum2, sum3) / f32(4u * params.c4) + params.eps);

  let live = row < vec4u(params.rows);
  for (var first = 0u; first < params.c4; first += SUBGROUP_SIZE) {
    let c = min(first + lane, last);
    let stored = live & vec4<bool>(first + lane <= last);
    let w = weight[c];
    let b = bias[c];
    if (stored.x) { out[at.x + c] = (x[at.x + c] - mean.x) * scale.x * w + b; }
    if (stored.y) { out[at.y + c] = (x[at.y + c] - mean.y) * scale.y * w + b; }
    if (stored.z) { out[at.z + c] = (x[at.z + c] - mean.z) * scale.z * w + b; }
    if (stored.w) { out[at.w + c] = (x[at.w + c] - mean.w) * scale.w * w + b; }
  }
#if ${STATISTICS}
  if (lane == 0u) {
    if (live.x) { statistics[row.x] = vec2f(mean.x, scale.x); }
    if (live.y) { statistics[row.y] = vec2f(mean.y, scale.y); }
    if (live.z) { statistics[row.z] = vec2f(mean.z, scale.z); }
    if (live.w) { statistics[row.w] = vec2f(mean.w, scale.w); }
  }
#endif
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
