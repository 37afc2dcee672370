// Pixel shuffle, or with UNSHUFFLE its inverse, channels-last, in block order, r = params.factor:
//   small[row, column, (i·r + j)·C + c]  =  large[row·r + i, column·r + j, c]
//
// Rows run through all images, since a batch of images is one tall image here. What a pixel of small gives to one row of
// large, r·C values, lies together in both. An invocation moves RUN vec4s of it; a workgroup is 64 such runs of one row
// of x, which is read in order. RUN is 1 where neighbouring lanes should touch neighbouring addresses, as hardware wants;
// more share the index arithmetic.
//
// The host guarantees r·C = 4·RUN·params.runs, no empty operand, a grid that covers a row of x in its x, and less than 2²⁰
// rows and runs in a row. Offsets are in vec4.

// ⌊n / d⌋ for n below 2²⁰: the quotient of n + ½ lies further from a whole number than f32 division may err. Software
// adapters divide integers lane by lane, which took as long as the accesses.
fn quotient(n: u32, d: u32) -> u32 {
  return u32((f32(n) + 0.5) / f32(d));
}

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let line = id.z * groups.y + id.y;
  let together = quotient(id.x, params.runs);
  let piece = id.x - together * params.runs;
#if ${UNSHUFFLE}
  let row = quotient(line, params.factor);
  let column = together;
  let i = line - row * params.factor;
#else
  let row = line;
  let column = quotient(together, params.factor);
  let i = together - column * params.factor;
#endif
  let small = (((row * params.width + column) * params.factor + i) * params.runs + piece) * RUN;
  let large = (((row * params.factor + i) * params.width + column) * params.runs + piece) * RUN;
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
