// Pixel shuffle, or with UNSHUFFLE its inverse, channels-last, r = params.factor:
//   small[row, column, k]  =  large[row·r + i, column·r + j, c]
//   k = (i·r + j)·C + c in block order (BLOCK_ORDER), k = c·r² + i·r + j in PyTorch's order.
//
// Rows run through all images, since a batch of images is one tall image here. One invocation moves one element of
// large; any factor, any channel count, any width. Exists for PyTorch's order and for channels that are not multiples
// of 4. Offsets are in f32. The host guarantees that no operand is empty.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let large = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let r = params.factor;
  let pixel = large / params.channels;
  let channel = large - pixel * params.channels;
  let large_width = params.width * r;
  let large_row = pixel / large_width;
  let large_column = pixel - large_row * large_width;
  let row = large_row / r;
  let column = large_column / r;
  let block = (large_row - row * r) * r + large_column - column * r;
  let first = (row * params.width + column) * r * r * params.channels;
#if ${BLOCK_ORDER}
  let small = first + block * params.channels + channel;
#else
  let small = first + channel * r * r + block;
#endif
  if (row < params.rows) {
#if ${UNSHUFFLE}
    out[params.out_offset + small] = x[params.x_offset + large];
#else
    out[params.out_offset + large] = x[params.x_offset + small];
#endif
  }
}
