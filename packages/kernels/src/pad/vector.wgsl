// out[b, y, x, c] = source[b, border(y − top), border(x − left), c]: padding, or cropping where top and left are negative.
//
// One invocation per vec4 of out; a workgroup is 64 vec4 of one row. Rows of out run through all images of the dispatch.
// A dispatch writes `out_rows` rows per image from row `out_row` on and has `source_rows` rows per image bound, from row
// `source_row` on; height and width are the whole image's.
//
// The host guarantees C % 4 == 0, no empty operand, a grid that covers a row in x, and that the bound rows are all that
// the written ones need. Offsets are in vec4. What lies past the end is not stored.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = id.z * groups.y + id.y;
  let row_length = params.out_width * params.channels4;
  let image = row / params.out_rows;
  let column = id.x / params.channels4;
  let channel = id.x - column * params.channels4;
  let y = i32(row - image * params.out_rows + params.out_row) - params.top;
  let left = i32(column) - params.left;
  let source_row = image * params.source_rows + u32(at_border(y, i32(params.height))) - params.source_row;
  let source_column = u32(at_border(left, i32(params.width)));
  let at = (source_row * params.width + source_column) * params.channels4 + channel;
  let value = select(vec4f(), source[params.source_offset + at], inside(y, left));
  if (id.x < row_length && row < params.images * params.out_rows) {
    out[params.out_offset + row * row_length + id.x] = value;
  }
}
