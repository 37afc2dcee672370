// out[o, r, c] = x[o, index[o, r, c], c], or `fill` where the index is not below `size`.
//
// x [outer, size, columns], out [outer, rows, columns], index as out or, where one list serves all, [rows] with strides 0
// for o and c. An element is a u32 (any 32-bit type) or, where VECTOR, a vec4u of four columns, which takes one list:
// bits are copied. Strides and firsts in elements of their buffer, so that a dispatch may compute a part of out.
//
// An invocation computes one element of out, `count` of them; the grid is folded into two dimensions. The host
// guarantees that `size` is not 0; an index from anywhere may be given.

#if ${VECTOR}
alias Element = vec4u;
#else
alias Element = u32;
#endif

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let line = i / params.columns;
    let column = i - line * params.columns;
    let outer = line / params.rows;
    let row = line - outer * params.rows;
    let at = index[params.index_first + outer * params.index_outer + row * params.index_row
      + column * params.index_column];
    let value = x[params.x_first + outer * params.x_outer + at * params.x_row + column];
    out[params.out_first + outer * params.out_outer + row * params.out_row + column] =
      select(Element(params.fill), value, at < params.size);
  }
}
