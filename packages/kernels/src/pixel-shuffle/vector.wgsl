// Pixel shuffle, or with UNSHUFFLE its inverse, channels-last, in block order:
//   small[row, column, (i·r + j)·C + c]  =  large[row·r + i, column·r + j, c],   r = FACTOR.
//
// Rows run through all images, since a batch of images is one tall image here. One invocation moves one vec4 of large;
// a workgroup is 64 vec4 of one row. In block order the channels of a pixel of large lie together in small, so that
// whole vec4s move.
//
// The host guarantees C % 4 == 0, no empty operand, and a grid that covers a row in x. Offsets are in vec4.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let large_row = id.z * groups.y + id.y;
  let large_width = params.width * FACTOR;
  let row_length = large_width * params.channels4;
  let column = id.x / params.channels4;
  let channel = id.x - column * params.channels4;
  let block = (large_row % FACTOR) * FACTOR + column % FACTOR;
  let small_pixel = (large_row / FACTOR) * params.width + column / FACTOR;
  let small = (small_pixel * FACTOR * FACTOR + block) * params.channels4 + channel;
  let large = large_row * row_length + id.x;
  if (id.x < row_length && large_row < params.rows * FACTOR) {
#if ${UNSHUFFLE}
    out[params.out_offset + small] = x[params.x_offset + large];
#else
    out[params.out_offset + large] = x[params.x_offset + small];
#endif
  }
}
