// out[entry, head] = Σ of sums[head, query, key] over the pairs of tokens that the table's entry is the bias of:
// entry = (yi − yj + window − 1)(2·window − 1) + xi − xj + window − 1.
//
// One invocation computes one entry of one head. Its queries are the window moved by the entry's offset and cut to the
// window, row by row.
//
// Numerics: f32, rows of queries ascending, each row summed by itself.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let window = params.window;
  let tokens = window * window;
  let side = 2u * window - 1u;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  if (id >= side * side * params.heads) {
    return;
  }
  let entry = id / params.heads;
  let head = id - entry * params.heads;
  // The offset plus window − 1.
  let dy = entry / side;
  let dx = entry - dy * side;
  let first_y = max(dy, window - 1u) - (window - 1u);
  let first_x = max(dx, window - 1u) - (window - 1u);
  let end_y = min(dy + 1u, window);
  let end_x = min(dx + 1u, window);

  var sum = 0.0;
  for (var y = first_y; y < end_y; y++) {
    var row = 0.0;
    for (var x = first_x; x < end_x; x++) {
      let key = (y + window - 1u - dy) * window + x + window - 1u - dx;
      row += sums[(head * tokens + y * window + x) * tokens + key];
    }
    sum += row;
  }
  out[id] = sum;
}
