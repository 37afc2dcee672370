// out[o, j] = scale · reduction over k of x[o, j + k · width], for j + k · width < total; all sizes in elements.
//
// As columns.wgsl, one element per invocation: for sizes that are not multiples of 4, and for slices without elements,
// whose sum is 0. The grid is folded into two dimensions.

fn load(i: u32) -> vec4f {
  return vec4f(x[i]);
}

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let slice = i / params.width;
    let column = i % params.width;
    let first = params.x_first + slice * params.x_stride;
    let end = max(first + params.total, first + column);
    out[params.out_first + slice * params.out_stride + column] =
      reduce_every(first + column, end, params.width).x * params.scale;
  }
}
