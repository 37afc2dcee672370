// out[i] = combine(a[…], b[…]) with NumPy broadcasting over up to five axes.
//
// The result has `rank` axes, numbered from the innermost: sizes size0 … size3, the outermost's being implied by
// `count`. Bit k of a_axes says that a runs along axis k; else it is repeated there. Operands are contiguous, so the
// strides follow from the bits. out is written from out_first on; a and b are read from a_first and b_first on, the places
// in their bindings that belong to the first element of this dispatch.
//
// Elements are f32, or vec4f where VECTOR: then a runs along the innermost axis, and so does b, unless SPLAT, where b
// is an f32 that is repeated there.
//
// An invocation computes up to four elements of one row (an innermost axis), chunks = ⌈size0 / 4⌉ apart, so that lanes
// use neighbouring addresses and the divisions that find the row are shared. `count` = rows · chunks invocations; the
// grid is folded into two dimensions.

#if ${VECTOR}
alias element = vec4f;
#else
alias element = f32;
#endif
#if ${SPLAT}
alias b_element = f32;
#else
alias b_element = element;
#endif

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
    let chunks = (params.size0 + 3u) / 4u;
    let row = i / chunks;
    let a_step = params.a_axes & 1u;
    let b_step = params.b_axes & 1u;
    let a_row = select(1u, params.size0, a_step == 1u);
    let b_row = select(1u, params.size0, b_step == 1u);
    var walk = Walk(row, params.a_first, params.b_first, a_row, b_row);
    if (params.rank > 2u) { walk = along(walk, 1u, params.size1); }
    if (params.rank > 3u) { walk = along(walk, 2u, params.size2); }
    if (params.rank > 4u) { walk = along(walk, 3u, params.size3); }
    // The outermost axis: its coordinate is what is left, 0 where the row is the only axis.
    let outermost = params.rank - 1u;
    let a_at = walk.a + ((params.a_axes >> outermost) & 1u) * walk.rest * walk.a_stride;
    let b_at = walk.b + ((params.b_axes >> outermost) & 1u) * walk.rest * walk.b_stride;
    let out_at = params.out_first + row * params.size0;
    for (var c = i % chunks; c < params.size0; c += chunks) {
      let value = combine(vec4f(a[a_at + c * a_step]), vec4f(b[b_at + c * b_step]));
#if ${VECTOR}
      out[out_at + c] = value;
#else
      out[out_at + c] = value.x;
#endif
    }
  }
}
