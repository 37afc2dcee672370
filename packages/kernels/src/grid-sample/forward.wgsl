// out[b, p, c] = x[b, ·, ·, c] sampled at grid[b, p], zeros outside the image; p runs over the output pixels.
//
// x [images, height, width, channels], grid [images, points, 2] with x before y, out [images, points, channels]. Each
// invocation computes one element of out, four channels where VECTOR, from TAPS×TAPS values;
// those outside the image count 0.
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
  let total = params.images * params.points * params.channels;
  let point = at / params.channels;
  let channel = at - point * params.channels;
  let image_row = (point / params.points) * params.height;
  let across = taps_at(position(grid[point].x, params.width));
  let down = taps_at(position(grid[point].y, params.height));

  var sum = Element();
  for (var j = 0; j < TAPS; j++) {
    let row = down.first + j;
    let is_row = row >= 0 && row < i32(params.height);
    let line = (image_row + u32(row)) * params.width;
    for (var i = 0; i < TAPS; i++) {
      let column = across.first + i;
      let is_inside = is_row && column >= 0 && column < i32(params.width);
      let pixel = line + u32(column);
      let value = x[pixel * params.channels + channel];
      sum += select(Element(), (down.weights[j] * across.weights[i]) * value, is_inside);
    }
  }
  if (at < total) {
    out[at] = sum;
  }
}
