// out[r, i] = gradient[r] where x[r, i] is the first largest (MIN: smallest) element of row r, else 0, over `rows` rows
// of `terms` elements.
//
// One workgroup computes one row: for long rows. Each of its invocations finds the first extremum among every
// WORKGROUP_X-th element, then they compare by halves; of equal values the one with the smaller index stays, so the
// result does not depend on the order. The grid is folded into two dimensions; workgroups past the last row read it
// and store nothing.

var<workgroup> values: array<f32, WORKGROUP_X>;
var<workgroup> winners: array<u32, WORKGROUP_X>;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  let at = row * params.terms;
  // Invocations without an element of their own take the first, which loses no comparison that it should win.
  var winner = select(0u, lane, lane < params.terms);
  var best = x[at + winner];
  for (var i = lane + WORKGROUP_X; i < params.terms; i += WORKGROUP_X) {
    let value = x[at + i];
    if (select(value > best, value < best, MIN)) {
      best = value;
      winner = i;
    }
  }
  values[lane] = best;
  winners[lane] = winner;
  for (var half = WORKGROUP_X / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      let value = values[lane + half];
      let index = winners[lane + half];
      let further = select(value > values[lane], value < values[lane], MIN);
      if (further || (value == values[lane] && index < winners[lane])) {
        values[lane] = value;
        winners[lane] = index;
      }
    }
  }
  workgroupBarrier();
  if (row < params.rows) {
    let g = gradient[row];
    let first = winners[0];
    for (var i = lane; i < params.terms; i += WORKGROUP_X) {
      out[at + i] = select(0.0, g, i == first);
    }
  }
}
