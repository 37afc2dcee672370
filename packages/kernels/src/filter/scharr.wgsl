// out[0] = ∂x, out[1] = ∂y of source [images, height, width, channels], per channel: the Scharr operator
// [-3 0 3; -10 0 10; -3 0 3] and its transpose as correlations, zeros outside the image, not normalised.
//
// Each invocation computes both gradients of one element, of four channels where VECTOR, from its eight neighbours.
// One outside the image is replaced by 0.
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

  let north_west = inside(source[here - line - params.channels], above && left);
  let north = inside(source[here - line], above);
  let north_east = inside(source[here - line + params.channels], above && right);
  let on_west = inside(source[here - params.channels], left);
  let on_east = inside(source[here + params.channels], right);
  let south_west = inside(source[here + line - params.channels], below && left);
  let south = inside(source[here + line], below);
  let south_east = inside(source[here + line + params.channels], below && right);

  if (here < total) {
    out[here] = 3.0 * ((north_east - north_west) + (south_east - south_west)) + 10.0 * (on_east - on_west);
    out[here + total] = 3.0 * ((south_west - north_west) + (south_east - north_east)) + 10.0 * (south - north);
  }
}

fn inside(value: Element, is_inside: bool) -> Element {
  return select(Element(), value, is_inside);
}
