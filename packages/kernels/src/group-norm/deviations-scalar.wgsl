// partial_sums[image, chunk, c] = Σ over 64 pixels of (x[image, pixel, c] − mean of the group of c)².
//
// One invocation adds up one channel of a chunk of 64 pixels; neighbours read neighbouring addresses. No barriers, no
// atomics: pixels are added in ascending order. Exists for channels that are not multiples of 4.
// A piece is `images` images of `rows` pixels each, from image first_image and chunk first_chunk of all_chunks on.
//
// Numerics: f32.

const CHUNK: u32 = 64u;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let width = params.channels;
  let chunks = (params.rows + CHUNK - 1u) / CHUNK;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let unit = id / width;
  let c = id - unit * width;
  let part = unit / chunks;
  let chunk = unit - part * chunks;
  if (part >= params.images) {
    return;
  }
  let image = params.first_image + part;
  let first = chunk * CHUNK;
  let end = min(first + CHUNK, params.rows);
  let mean = mean_of(image, c);

  var sum = 0.0;
  for (var row = first; row < end; row++) {
    let difference = x[params.base + (part * params.rows + row) * width + c] - mean;
    sum += difference * difference;
  }
  partial_sums[(image * params.all_chunks + params.first_chunk + chunk) * width + c] = sum;
}
