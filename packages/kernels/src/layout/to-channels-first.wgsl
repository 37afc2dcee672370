// out[b, c, p] = x[b, p, c], channels-last to channel planes, four channels per invocation; channels past `channels` are
// dropped.
//
// x in vec4s: batches x_batch and pixels x_pixel apart, from x_first on. out in elements: batches out_batch and planes
// out_plane apart, from out_first on. A dispatch covers `pixels` pixels × `groups` groups of four channels of one or more
// batches, `count` vec4s in all; `channels` counts from the first of its groups. Lanes take neighbouring pixels, so that
// the writes to a plane are contiguous. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.y * grid.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let pixel = i % params.pixels;
    let group = i / params.pixels % params.groups;
    let batch = i / params.pixels / params.groups;
    let channel = 4u * group;
    let value = x[params.x_first + batch * params.x_batch + pixel * params.x_pixel + group];
    let at = params.out_first + batch * params.out_batch + channel * params.out_plane + pixel;
    out[at] = value.x;
    if (channel + 1u < params.channels) { out[at + params.out_plane] = value.y; }
    if (channel + 2u < params.channels) { out[at + 2u * params.out_plane] = value.z; }
    if (channel + 3u < params.channels) { out[at + 3u * params.out_plane] = value.w; }
  }
}
