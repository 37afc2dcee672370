// out[o] = scale · reduction of x[o, 0 … total), rows of `total` vec4s.
//
// One invocation per row, for rows short enough not to be shared between invocations. Rows are x_stride and results
// out_stride apart (out in elements), from x_first and out_first on. The host guarantees total > 0. The grid is folded into
// two dimensions.

fn load(i: u32) -> vec4f {
  return x[i];
}

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP_X + id.x;
  if (row < params.count) {
    let first = params.x_first + row * params.x_stride;
    let lanes = reduce_every(first, first + params.total, 1u);
    let pairs = combine(lanes, lanes.zwxy);
    out[params.out_first + row * params.out_stride] = combine(pairs, pairs.yxwz).x * params.scale;
  }
}
