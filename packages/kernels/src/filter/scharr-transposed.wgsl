// The transpose of scharr.wgsl: out [images, height, width, channels] of source [2, images, height, width, channels],
// the gradients of what scharr.wgsl calls out[0] and out[1].
//
// Turned by half a circle the Scharr operator is its own negative, so the transpose is minus the sum of the two
// correlations, zeros outside the image again. Each invocation computes one element, four channels where VECTOR, from
// its neighbours in both planes. One outside the image is replaced by 0.
//
// The host guarantees that no size is 0. Sums in f32.

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
  let here = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let line = params.width * params.channels;
  let total = params.images * params.height * line;
  let row = here / line;
  let within = here - row * line;
  let y = row % params.height;

  let above = y > 0u;
  let below = y + 1u < params.height;
  let left = within >= params.channels;
  let right = within + params.channels < line;
  let other = here + total;

  let x_north_west = inside(source[here - line - params.channels], above && left);
  let x_north_east = inside(source[here - line + params.channels], above && right);
  let x_west = inside(source[here - params.channels], left);
  let x_east = inside(source[here + params.channels], right);
  let x_south_west = inside(source[here + line - params.channels], below && left);
  let x_south_east = inside(source[here + line + params.channels], below && right);

  let y_north_west = inside(source[other - line - params.channels], above && left);
  let y_north = inside(source[other - line], above);
  let y_north_east = inside(source[other - line + params.channels], above && right);
  let y_south_west = inside(source[other + line - params.channels], below && left);
  let y_south = inside(source[other + line], below);
  let y_south_east = inside(source[other + line + params.channels], below && right);

  let corners = (x_north_west - x_north_east) + (x_south_west - x_south_east) +
    (y_north_west - y_south_west) + (y_north_east - y_south_east);
  let sides = (x_west - x_east) + (y_north - y_south);
  if (here < total) {
    out[here] = 3.0 * corners + 10.0 * sides;
  }
}

fn inside(value: Element, is_inside: bool) -> Element {
  return select(Element(), value, is_inside);
}
