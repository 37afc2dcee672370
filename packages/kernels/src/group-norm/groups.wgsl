// What the groups of channels are normalised by; shared by the kernels of this folder.
//
// statistics holds the mean [image, group], then the sum of squared deviations [image, group], `all` of each. A group is
// per_group channels of the `pixels` pixels of an image.

fn mean_of(image: u32, channel: u32) -> f32 {
  return statistics[image * params.groups + channel / params.per_group];
}

// 1 / √(variance + eps)
fn scale_of(image: u32, channel: u32) -> f32 {
  let sum = statistics[params.all + image * params.groups + channel / params.per_group];
  return inverseSqrt(sum / (f32(params.pixels) * f32(params.per_group)) + params.eps);
}
