// out[b, y, x, c] = source[b, border(y − top), border(x − left), c]: padding, or cropping where top and left are negative.
//
// One invocation per element of out, any channel count and width. A dispatch writes `out_rows` rows per image from row
// `out_row` on and has `source_rows` rows per image bound, from row `source_row` on; height and width are the whole
// image's. Exists for channel counts that are not multiples of 4 and for padding nothing with zeros.
//
// The host guarantees that out is not empty, that source is not empty unless BORDER is 0, and that the bound rows are all
// that the written ones need. Offsets are in f32.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let pixel = index / params.channels;
  let row = pixel / params.out_width;
  let image = row / params.out_rows;
  if (image >= params.images) {
    return;
  }
  let y = i32(row - image * params.out_rows + params.out_row) - params.top;
  let x = i32(pixel - row * params.out_width) - params.left;
  var value = 0.0;
  if (inside(y, x)) {
    let source_row = image * params.source_rows + u32(at_border(y, i32(params.height))) - params.source_row;
    let source_pixel = source_row * params.width + u32(at_border(x, i32(params.width)));
    value = source[params.source_offset + source_pixel * params.channels + index - pixel * params.channels];
  }
  out[params.out_offset + index] = value;
}
