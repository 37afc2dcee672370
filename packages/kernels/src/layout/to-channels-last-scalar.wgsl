// out[b, p, c] = c < channels ? x[b, c, p] : 0, channel planes to channels-last, one element per invocation.
//
// As to-channels-last.wgsl with groups of one channel: for channel counts that are not multiples of 4, and for planes so
// large that four do not fit one binding. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.y * grid.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let pixel = i % params.pixels;
    let channel = i / params.pixels % params.groups;
    let batch = i / params.pixels / params.groups;
    let value = x[params.x_first + batch * params.x_batch + channel * params.x_plane + pixel];
    out[params.out_first + batch * params.out_batch + pixel * params.out_pixel + channel] =
      select(0.0, value, channel < params.channels);
  }
}
