// out[b, i, j, c] = the unbiased variance of the size×size values of x[b, i·size …, j·size …, c].
//
// x [images, height, width, channels], out [images, height / size, width / size, channels]; what remains at the right
// and at the bottom is left out. Each invocation computes one element of out, four channels where VECTOR.
//
// Numerics: the mean first, then the squares of the differences from it, so that a large mean does not hide a small
// variance. Sums in f32. The host guarantees that out is not empty and that size is at least 2.

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
  let rows = params.height / params.size;
  let columns = params.width / params.size;
  let total = params.images * rows * columns * params.channels;
  let pixel = at / params.channels;
  let line = pixel / columns;
  let image = line / rows;
  let top = image * params.height + (line - image * rows) * params.size;
  let corner = (top * params.width + (pixel - line * columns) * params.size) * params.channels;
  let first = corner + at - pixel * params.channels;
  let row_step = params.width * params.channels;
  let count = f32(params.size * params.size);

  var sum = Element();
  for (var y = 0u; y < params.size; y++) {
    for (var x_at = 0u; x_at < params.size; x_at++) {
      sum += x[first + y * row_step + x_at * params.channels];
    }
  }
  let mean = sum / count;
  var squares = Element();
  for (var y = 0u; y < params.size; y++) {
    for (var x_at = 0u; x_at < params.size; x_at++) {
      let away = x[first + y * row_step + x_at * params.channels] - mean;
      squares += away * away;
    }
  }
  if (at < total) {
    out[at] = squares / (count - 1.0);
  }
}
