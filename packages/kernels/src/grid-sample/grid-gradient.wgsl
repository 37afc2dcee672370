// out[b, p] = the gradient of forward.wgsl with respect to grid[b, p], x before y: how the value sampled there changes
// with the position, summed over the channels with the weights gradient[b, p, c].
//
// x [images, height, width, channels], grid [images, points, 2], gradient [images, points, channels], out as grid. Each
// invocation takes one point and goes through its channels, four at a time where VECTOR. Values outside the image
// count 0.
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
  let point = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let total = params.images * params.points;
  let image_row = (point / params.points) * params.height;
  let at_x = position(grid[point].x, params.width);
  let at_y = position(grid[point].y, params.height);
  let across = taps_at(at_x);
  let down = taps_at(at_y);
  let across_slopes = slopes_at(at_x);
  let down_slopes = slopes_at(at_y);

  var along_x = 0.0;
  var along_y = 0.0;
  for (var j = 0; j < TAPS; j++) {
    let row = down.first + j;
    let is_row = row >= 0 && row < i32(params.height);
    let line = (image_row + u32(row)) * params.width;
    for (var i = 0; i < TAPS; i++) {
      let column = across.first + i;
      let is_inside = is_row && column >= 0 && column < i32(params.width);
      let pixel = line + u32(column);
      var sum = Element();
      for (var c = 0u; c < params.channels; c++) {
        sum += gradient[point * params.channels + c] * x[pixel * params.channels + c];
      }
      let seen = select(0.0, dot_one(sum), is_inside);
      along_x += across_slopes[i] * down.weights[j] * seen;
      along_y += across.weights[i] * down_slopes[j] * seen;
    }
  }
  if (point < total) {
    out[point] = 0.5 * vec2f(along_x * f32(params.width), along_y * f32(params.height));
  }
}

fn dot_one(v: Element) -> f32 {
#if ${VECTOR}
  return (v.x + v.y) + (v.z + v.w);
#else
  return v;
#endif
}
