// Where each index stands in a list, for scatter-add.wgsl: links[q], q < size, is the first row whose index is q, and
// links[size + r] the next row after r with the index of r; `rows` where there is none.
//
// index [outer, rows, columns] or, where one list serves all, [rows]: then outer and columns are 1. links [outer,
// size + rows, columns]. Strides and firsts in elements of their buffer; `first_line` is the q of the first line that the
// dispatch computes.
//
// An invocation scans the rows for one link, `count` of them; the grid is folded into two dimensions. No atomics, and
// rows in ascending order: the order of the sums that follow the links is fixed. The work is size · rows and rows² / 2
// comparisons at most, once for all columns that share a list.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let at = i / params.columns;
    let column = i - at * params.columns;
    let outer = at / params.lines;
    let line = at - outer * params.lines;
    let list = params.index_first + outer * params.index_outer + column * params.index_column;
    let link = params.first_line + line;
    var row = 0u;
    var wanted = link;
    if (link >= params.size) {
      row = link - params.size;
      wanted = index[list + row * params.index_row];
      row += 1u;
    }
    while (row < params.rows && index[list + row * params.index_row] != wanted) {
      row += 1u;
    }
    out[params.out_first + outer * params.out_outer + line * params.out_row + column] = row;
  }
}
