// out[b, y, x, c] = the sum of gradient[b, v, u, c] over all pixels (v, u) of the padded image that show pixel (y, x): the
// gradient of padding by reflection or replication.
//
// One invocation per f32 of out, which gathers its readers in a fixed order, so that nothing is added twice or in
// another order: no atomics. A dispatch writes `out_rows` rows per image from row `out_row` on and has whole images of
// the gradient bound; height and width are those of out, padded_height and padded_width the gradient's.
//
// Exists for channel counts that are not multiples of 4. The host guarantees that out is not empty. Offsets are in f32. Accumulation in f32.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let pixel = index / params.channels;
  let row = pixel / params.width;
  let image = row / params.out_rows;
  if (image >= params.images) {
    return;
  }
  let y = row - image * params.out_rows + params.out_row;
  let rows = readers_of(y, params.height, params.top, params.padded_height);
  let columns = readers_of(pixel - row * params.width, params.width, params.left, params.padded_width);
  let channel = index - pixel * params.channels;
  var sum = 0.0;
  for (var i = 0u; i < rows.count + rows.mirrored_count; i++) {
    let start = (image * params.padded_height + reader(rows, i)) * params.padded_width;
    for (var j = 0u; j < columns.count + columns.mirrored_count; j++) {
      let at = (start + reader(columns, j)) * params.channels + channel;
      sum += gradient[params.gradient_offset + at];
    }
  }
  out[params.out_offset + index] = sum;
}
