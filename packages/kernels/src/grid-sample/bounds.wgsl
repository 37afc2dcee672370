// bounds[b, tile] = first and last column, first and last row that the grid points of an 8×8 tile of output pixels
// read: what lets input-gradient.wgsl pass over most of the grid.
//
// grid [images, rows, columns, 2], bounds [images, ⌈rows / 8⌉, ⌈columns / 8⌉]. Each invocation takes one tile. The host
// guarantees that no size is 0.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let tile_rows = (params.rows + 7u) / 8u;
  let tile_columns = (params.columns + 7u) / 8u;
  let total = params.images * tile_rows * tile_columns;
  let line = at / tile_columns;
  let image = line / tile_rows;
  let top = (line - image * tile_rows) * 8u;
  let left = (at - line * tile_columns) * 8u;

  var found = vec4i(1000000000, -1000000000, 1000000000, -1000000000);
  for (var row = top; row < min(top + 8u, params.rows); row++) {
    for (var column = left; column < min(left + 8u, params.columns); column++) {
      let point = grid[(image * params.rows + row) * params.columns + column];
      let across = taps_at(position(point.x, params.width)).first;
      let down = taps_at(position(point.y, params.height)).first;
      found.x = min(found.x, across);
      found.y = max(found.y, across + TAPS - 1);
      found.z = min(found.z, down);
      found.w = max(found.w, down + TAPS - 1);
    }
  }
  if (at < total) {
    bounds[at] = found;
  }
}
