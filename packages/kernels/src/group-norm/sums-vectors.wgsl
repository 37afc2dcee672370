// partial_sums[image, chunk, 0, c] = Σ over 64 pixels of gradient · n, partial_sums[image, chunk, 1, c] = Σ gradient, with
// n = (x − mean) · scale as the group of c has it.
//
// One invocation adds up four channels of a chunk of 64 pixels; neighbours read neighbouring addresses. No barriers, no
// atomics: pixels are added in ascending order. Works on four channels at a time, which may be of four groups.
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
  let width = params.channels / 4u;
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
  let mean = vec4f(
    mean_of(image, 4u * c), mean_of(image, 4u * c + 1u), mean_of(image, 4u * c + 2u), mean_of(image, 4u * c + 3u),
  );
  let scale = vec4f(
    scale_of(image, 4u * c), scale_of(image, 4u * c + 1u), scale_of(image, 4u * c + 2u), scale_of(image, 4u * c + 3u),
  );

  var along = vec4f();
  var plain = vec4f();
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
