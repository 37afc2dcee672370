// out[entry, head] = Σ of sums[head, tile, strip, step, 16], as table-diagonals.wgsl lays them out, over what belongs to
// the table's entry: entry = (yi − yj + window − 1)(2·window − 1) + xi − xj + window − 1.
//
// One invocation computes one entry of one head. A tile's four rows of queries have the entry's offset in y at one step
// of each strip, and in x on one diagonal, or on none.
//
// Numerics: f32, tiles ascending, strips ascending.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let window = params.window;
  let side = 2u * window - 1u;
  let strips = window / 8u;
  let tiles = strips * window / 4u;
  let steps = window + 3u;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  if (id >= side * side * params.heads) {
    return;
  }
  let entry = id / params.heads;
  let head = id - entry * params.heads;
  // The offset plus window − 1.
  let dy = entry / side;
  let dx = entry - dy * side;

  var sum = 0.0;
  for (var tile = 0u; tile < tiles; tile++) {
    // Numbers below 0 wrap and fail the comparisons.
    let step = 4u * (tile / strips) + 3u + window - 1u - dy;
    for (var strip = 0u; strip < strips; strip++) {
      let diagonal = dx + 8u * strip + 7u - 8u * (tile % strips) - (window - 1u);
      if (step < steps && diagonal < 15u) {
        sum += sums[(((head * tiles + tile) * strips + strip) * steps + step) * 16u + diagonal];
      }
    }
  }
  out[id] = sum;
}
