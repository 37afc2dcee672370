// coefficients[image, group] = means over the group of h·n and of h = gradient · weight, from the channels' sums over the
// pixels: sums[image, 0, c] = Σ gradient · n, sums[image, 1, c] = Σ gradient.
//
// One invocation computes one group of one image. Numerics: f32, channels ascending.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let image = id / params.groups;
  if (image >= params.images) {
    return;
  }
  let channels = params.groups * params.per_group;
  let first = (id - image * params.groups) * params.per_group;
  var along = 0.0;
  var plain = 0.0;
  for (var c = first; c < first + params.per_group; c++) {
    along += weight[c] * sums[2u * image * channels + c];
    plain += weight[c] * sums[(2u * image + 1u) * channels + c];
  }
  coefficients[id] = vec2f(along, plain) / (f32(params.pixels) * f32(params.per_group));
}
