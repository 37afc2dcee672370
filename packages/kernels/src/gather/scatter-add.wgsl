// out[o, p, c] = Σ x[o, r, c] over the rows r whose index is p: the adjoint of gather.wgsl. Rows whose index is outside
// out are left out.
//
// x [outer, rows, columns], out [outer, size, columns], links of links.wgsl [outer, size + rows, columns] or, where one
// list serves all, [size + rows] with strides 0 for o and c. An element is an f32 or, where VECTOR, a vec4f of four
// columns, which takes one list. Strides and firsts in elements of their buffer; `first_line` is the p of the first line
// that the dispatch computes.
//
// An invocation computes one element of out, `count` of them, and follows the links of its place: rows in ascending
// order, in f32. Nothing is scattered. The grid is folded into two dimensions.

#if ${VECTOR}
alias Element = vec4f;
#else
alias Element = f32;
#endif

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let at = i / params.columns;
    let column = i - at * params.columns;
    let outer = at / params.lines;
    let line = at - outer * params.lines;
    let list = params.links_first + outer * params.links_outer + column * params.links_column;
    let values = params.x_first + outer * params.x_outer + column;
    var sum = Element();
    var row = links[list + (params.first_line + line) * params.links_row];
    while (row < params.rows) {
      sum += x[values + row * params.x_row];
      row = links[list + (params.size + row) * params.links_row];
    }
    out[params.out_first + outer * params.out_outer + line * params.out_row + column] = sum;
  }
}
