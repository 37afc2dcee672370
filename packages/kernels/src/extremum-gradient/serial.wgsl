// out[r, i] = gradient[r] where x[r, i] is the first largest (MIN: smallest) element of row r, else 0, over `rows` rows
// of `terms` elements.
//
// One invocation computes one row: for many short rows. The grid is folded into two dimensions; invocations past the
// last row read it and store nothing.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP_X + id.x;
  let at = row * params.terms;
  var best = x[at];
  var winner = 0u;
  for (var i = 1u; i < params.terms; i++) {
    let value = x[at + i];
    if (select(value > best, value < best, MIN)) {
      best = value;
      winner = i;
    }
  }
  if (row < params.rows) {
    let g = gradient[row];
    for (var i = 0u; i < params.terms; i++) {
      out[at + i] = select(0.0, g, i == winner);
    }
  }
}
