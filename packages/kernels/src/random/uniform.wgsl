// out[sample, e] = the e-th number of a sample, uniform in [0, 1): the upper 24 bits of a random word, exact in f32.
//
// out is [samples, per_sample]; an invocation writes four elements of a sample, `groups` invocations a sample, the last of
// which may have fewer left. Samples along the grid's second dimension, `first_sample` is the number of the first.
// Needs random/threefry.wgsl in front.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.groups) {
    let counter = vec4u(id.x, params.first_sample + id.y, PURPOSE_ELEMENT, 0u);
    let words = threefry(counter, vec4u(params.seed, params.step, params.stream, 0u));
    let values = vec4f(words >> vec4u(8u)) * 0x1p-24;
    let first = id.y * params.per_sample + 4u * id.x;
    let left = params.per_sample - 4u * id.x;
    for (var j = 0u; j < min(left, 4u); j++) {
      out[first + j] = values[j];
    }
  }
}
