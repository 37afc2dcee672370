// Pixel shuffle, or with UNSHUFFLE its inverse, channels-last, in block order, r = params.factor:
//   small[row, column, (i·r + j)·C + c]  =  large[row·r + i, column·r + j, c]
//
// Rows run through all images, since a batch of images is one tall image here. What a pixel of small gives to one row of
// large, r·C values, lies together in both. An invocation moves RUN vec4s of it; a workgroup is 64 such runs of one row
// of large. RUN is 1 where neighbouring lanes should touch neighbouring addresses, as hardware wants; more share the index
// arithmetic, whose divisions cost software adapters as much as the accesses.
//
// The host guarantees r·C = 4·RUN·params.runs, no empty operand, and a grid that covers a row in x. Offsets are in vec4.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let large_row = id.z * groups.y + id.y;
  let row = large_row / params.factor;
  let column = id.x / params.runs;
  let piece = id.x - column * params.runs;
  let pixel = (row * params.width + column) * params.factor + large_row - row * params.factor;
  let small = (pixel * params.runs + piece) * RUN;
  let large = (large_row * params.width * params.runs + id.x) * RUN;
#if ${UNSHUFFLE}
  let here = params.x_offset + large;
  let there = params.out_offset + small;
#else
  let here = params.x_offset + small;
  let there = params.out_offset + large;
#endif
  if (column < params.width && row < params.rows) {
    #unroll (n < RUN) out[there + n] = x[here + n];
  }
}
