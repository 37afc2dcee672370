// out[image, pixel, c] = (x − mean) · scale · weight[c] + bias[c], with mean and scale of the group of c.
//
// One invocation computes one channel of a pixel. Exists for channels that are not multiples of 4.
// A piece is `images` images of `rows` pixels each, from image first_image on.
//
// Numerics: f32.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let width = params.channels;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let row = id / width;
  let c = id - row * width;
  let part = row / params.rows;
  if (part >= params.images) {
    return;
  }
  let image = params.first_image + part;
  let mean = mean_of(image, c);
  let scale = scale_of(image, c);
  out[params.base + id] = (x[params.base + id] - mean) * scale * weight[c] + bias[c];
}
