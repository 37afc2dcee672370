// Gradient of x: out[image, pixel, c] = scale · (gradient · weight[c] − shift − n · slope), n = (x − mean) · scale, with
// coefficients[image, group] = (slope, shift), the means of h·n and of h = gradient · weight over the group.
//
// One invocation computes four channels of a pixel. Works on four channels at a time, which may be of four groups.
// A piece is `images` images of `rows` pixels each, from image first_image on.
//
// Numerics: f32.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let width = params.channels / 4u;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let row = id / width;
  let c = id - row * width;
  let part = row / params.rows;
  if (part >= params.images) {
    return;
  }
  let image = params.first_image + part;
  let mean = vec4f(
    mean_of(image, 4u * c), mean_of(image, 4u * c + 1u), mean_of(image, 4u * c + 2u), mean_of(image, 4u * c + 3u),
  );
  let scale = vec4f(
    scale_of(image, 4u * c), scale_of(image, 4u * c + 1u), scale_of(image, 4u * c + 2u), scale_of(image, 4u * c + 3u),
  );
  let at = image * params.groups + (4u * c + vec4u(0u, 1u, 2u, 3u)) / params.per_group;
  let slopes = vec4f(
    coefficients[at.x].x, coefficients[at.y].x, coefficients[at.z].x, coefficients[at.w].x,
  );
  let shifts = vec4f(
    coefficients[at.x].y, coefficients[at.y].y, coefficients[at.z].y, coefficients[at.w].y,
  );
  let n = (x[params.base + id] - mean) * scale;
  out[params.base + id] = scale * (gradient[params.base + id] * weight[c] - shifts - n * slopes);
}
