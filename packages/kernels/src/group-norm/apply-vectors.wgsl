// out[image, pixel, c] = (x − mean) · scale · weight[c] + bias[c], with mean and scale of the group of c.
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
  out[params.base + id] = (x[params.base + id] - mean) * scale * weight[c] + bias[c];
}
