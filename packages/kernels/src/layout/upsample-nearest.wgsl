// out[r·factor + dy, x·factor + dx, c] = x[r, x, c]: every pixel of [rows, width, channels] becomes factor × factor.
//
// One invocation reads one element, an f32 or, in upsample-nearest-vector, a vec4f of channels, and writes it factor²
// times. `channels` and `count` in such elements; rows of all images follow each other. x starts at x_first and out at
// out_first of their bindings. The grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let channel = i % params.channels;
    let column = i / params.channels % params.width;
    let row = i / params.channels / params.width;
    let value = x[params.x_first + i];
    let out_row = params.width * params.factor * params.channels;
    var at = params.out_first + row * params.factor * out_row + column * params.factor * params.channels + channel;
    for (var dy = 0u; dy < params.factor; dy++) {
      for (var dx = 0u; dx < params.factor; dx++) {
        out[at + dx * params.channels] = value;
      }
      at += out_row;
    }
  }
}
