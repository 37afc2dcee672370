// out[o, j] = scale · reduction over k of x[o, j + k · width], for j + k · width < total; all sizes in vec4s.
//
// Seen as rows of `width`, one slice x[o] of `total` is reduced from row to row. With width = inner size this reduces an
// axis; with width = parts · inner size it leaves `parts` partial results of the axis, to be reduced by another dispatch.
// One invocation per vec4 of out; lanes read neighbouring addresses; no workgroup memory, no barriers, no atomics, so
// the order of a sum is fixed. `count` vec4s of out in all; slices are x_stride and out_stride apart, from x_first and
// out_first on. The grid is folded into two dimensions.

fn load(i: u32) -> vec4f {
  return x[i];
}

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let slice = i / params.width;
    let column = i % params.width;
    let first = params.x_first + slice * params.x_stride;
    let value = reduce_every(first + column, first + params.total, params.width);
    out[params.out_first + slice * params.out_stride + column] = value * params.scale;
  }
}
