// partial_sums[image, chunk, 0, c] = Σ over 64 pixels of gradient · n, partial_sums[image, chunk, 1, c] = Σ gradient, with
// n = (x − mean) · scale as the group of c has it.
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
  let scale = scale_of(image, c);

  var along = 0.0;
  var plain = 0.0;
  for (var row = first; row < end; row++) {
    let at = (part * params.rows + row) * width + c;
    let g = gradient[params.base + at];
    along += g * ((x[params.base + at] - mean) * scale);
    plain += g;
  }
  let at = 2u * (image * params.all_chunks + params.first_chunk + chunk) * width + c;
  partial_sums[at] = along;
  partial_sums[at + width] = plain;
}
