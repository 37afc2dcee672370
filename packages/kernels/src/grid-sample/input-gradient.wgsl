// out[b, y, x, c] = Σ over the grid points p of image b of (weight with which p reads pixel (x, y)) · gradient[b, p, c]:
// the gradient of forward.wgsl with respect to its image.
//
// grid [images, rows, columns, 2], gradient [images, rows, columns, channels], out [images, height, width, channels],
// bounds from bounds.wgsl. Each invocation computes one element of out, four channels where VECTOR: it looks at the
// bounds of every 8×8 tile of the grid, and at the points of those tiles that read near the pixel. Nothing is scattered,
// so the order of the sum is fixed; a grid without any order makes it look at everything.
//
// Sums in f32. The host guarantees that no size is 0.

#if ${VECTOR}
alias Element = vec4f;
#else
alias Element = f32;
#endif

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let total = params.images * params.height * params.width * params.channels;
  let pixel = at / params.channels;
  let channel = at - pixel * params.channels;
  let line = pixel / params.width;
  let image = line / params.height;
  let x = i32(pixel - line * params.width);
  let y = i32(line - image * params.height);
  let tile_rows = (params.rows + 7u) / 8u;
  let tile_columns = (params.columns + 7u) / 8u;
  let tiles = tile_rows * tile_columns;

  var sum = Element();
  for (var tile = 0u; tile < tiles; tile++) {
    let reach = bounds[image * tiles + tile];
    if (x >= reach.x && x <= reach.y && y >= reach.z && y <= reach.w) {
      let tile_row = tile / tile_columns;
      let top = tile_row * 8u;
      let left = (tile - tile_row * tile_columns) * 8u;
      for (var row = top; row < min(top + 8u, params.rows); row++) {
        for (var column = left; column < min(left + 8u, params.columns); column++) {
          let point = (image * params.rows + row) * params.columns + column;
          let across = weight_of(taps_at(position(grid[point].x, params.width)), x);
          let down = weight_of(taps_at(position(grid[point].y, params.height)), y);
          let weight = across * down;
          if (weight != 0.0) {
            sum += weight * gradient[point * params.channels + channel];
          }
        }
      }
    }
  }
  if (at < total) {
    out[at] = sum;
  }
}
