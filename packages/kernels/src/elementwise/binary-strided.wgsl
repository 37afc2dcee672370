// out[i] = combine(a[…], b[…]) with NumPy broadcasting, one element per invocation, any sizes.
//
// The result has RANK axes, numbered from the innermost: sizes size0 … size3, the outermost's being implied by `count`.
// Bit k of a_axes says that a runs along axis k; else it is repeated there. Operands are contiguous, so the strides
// follow from the bits. out is written from out_first on; a and b are read from a_first and b_first on, the places in
// their bindings that belong to the first element of this dispatch.
// The grid is folded into two dimensions.

struct Walk {
  // What is left of the index after the axes so far.
  rest: u32,
  a: u32,
  b: u32,
  a_stride: u32,
  b_stride: u32,
}

fn along(walk: Walk, axis: u32, size: u32) -> Walk {
  let coordinate = walk.rest % size;
  let in_a = (params.a_axes >> axis) & 1u;
  let in_b = (params.b_axes >> axis) & 1u;
  return Walk(
    walk.rest / size,
    walk.a + in_a * coordinate * walk.a_stride,
    walk.b + in_b * coordinate * walk.b_stride,
    select(walk.a_stride, walk.a_stride * size, in_a == 1u),
    select(walk.b_stride, walk.b_stride * size, in_b == 1u),
  );
}

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    var walk = Walk(i, params.a_first, params.b_first, 1u, 1u);
    if (RANK > 1u) { walk = along(walk, 0u, params.size0); }
    if (RANK > 2u) { walk = along(walk, 1u, params.size1); }
    if (RANK > 3u) { walk = along(walk, 2u, params.size2); }
    if (RANK > 4u) { walk = along(walk, 3u, params.size3); }
    let in_a = (params.a_axes >> (RANK - 1u)) & 1u;
    let in_b = (params.b_axes >> (RANK - 1u)) & 1u;
    let a_at = walk.a + in_a * walk.rest * walk.a_stride;
    let b_at = walk.b + in_b * walk.rest * walk.b_stride;
    out[params.out_first + i] = combine(vec4f(a[a_at]), vec4f(b[b_at])).x;
  }
}
