// out[b, p, c] = c < channels ? x[b, c, p] : 0, channel planes to channels-last, four channels per invocation.
//
// x in elements: batches x_batch and planes x_plane apart, from x_first on. out in vec4s: batches out_batch and pixels
// out_pixel apart, from out_first on. A dispatch covers `pixels` pixels × `groups` groups of four channels of one or more
// batches, `count` vec4s in all; `channels` counts from the first of its groups. Lanes take neighbouring pixels, so that
// the reads of a plane are contiguous. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.y * grid.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let pixel = i % params.pixels;
    let group = i / params.pixels % params.groups;
    let batch = i / params.pixels / params.groups;
    let channel = vec4u(4u * group) + vec4u(0u, 1u, 2u, 3u);
    let inside = channel < vec4u(params.channels);
    let at = params.x_first + batch * params.x_batch + channel * params.x_plane + pixel;
    let value = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
    out[params.out_first + batch * params.out_batch + pixel * params.out_pixel + group] =
      select(vec4f(0.0), value, inside);
  }
}
