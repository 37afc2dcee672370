// The gradient of forward.wgsl: out[p] = gradient · 2/(size² − 1) · (x[p] − mean of its patch), 0 for what no patch
// holds.
//
// x and out [images, height, width, channels], gradient [images, height / size, width / size, channels]. Each
// invocation takes one cell of size×size pixels, those that are cut off at the right and at the bottom included, of
// one channel or of four where VECTOR.
//
// Sums in f32. The host guarantees that x is not empty, that size is at least 2, and that gradient has at least one
// element to read.

#if ${VECTOR}
alias Element = vec4f;
#else
alias Element = f32;
#endif

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let rows = params.height / params.size;
  let columns = params.width / params.size;
  let cell_rows = (params.height + params.size - 1u) / params.size;
  let cell_columns = (params.width + params.size - 1u) / params.size;
  let total = params.images * cell_rows * cell_columns * params.channels;
  let cell = at / params.channels;
  let channel = at - cell * params.channels;
  let line = cell / cell_columns;
  let image = line / cell_rows;
  let i = line - image * cell_rows;
  let j = cell - line * cell_columns;
  let is_patch = i < rows && j < columns;

  let height = min(params.size, params.height - i * params.size);
  let width = min(params.size, params.width - j * params.size);
  let top = image * params.height + i * params.size;
  let first = (top * params.width + j * params.size) * params.channels + channel;
  let row_step = params.width * params.channels;
  let count = f32(params.size * params.size);

  var sum = Element();
  for (var y = 0u; y < height; y++) {
    for (var x_at = 0u; x_at < width; x_at++) {
      sum += x[first + y * row_step + x_at * params.channels];
    }
  }
  let mean = sum / count;
  let patch_at = ((image * rows + i) * columns + j) * params.channels + channel;
  let given = gradient[patch_at];
  let factor = select(Element(), given * (2.0 / (count - 1.0)), is_patch);
  if (at < total) {
    for (var y = 0u; y < height; y++) {
      for (var x_at = 0u; x_at < width; x_at++) {
        let p = first + y * row_step + x_at * params.channels;
        // Selected rather than multiplied, so that an infinity outside every patch gives no NaN.
        out[p] = select(Element(), factor * (x[p] - mean), is_patch);
      }
    }
  }
}
