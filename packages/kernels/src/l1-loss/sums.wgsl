// Partial sums of absolute differences: out[out_first + j] = scale · Σ |x[i] − y[i]| over the elements i = j, j + width,
// j + 2·width, … below `count`.
//
// One invocation per partial sum, `width` of them; lanes read neighbouring addresses; the grid is folded into two
// dimensions. No barriers, no atomics: the order of the sum is fixed. Sixteen terms are summed at a time, so that the
// rounding error grows with terms/16 + 16 additions rather than with their number. No comparison stands between a
// value and the sum: NaN and infinity reach it.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let j = id.y * groups.x * WORKGROUP_X + id.x;
  if (j < params.width) {
    var total = Element();
    var part = Element();
    var terms = 0u;
    for (var i = j; i < params.count; i += params.width) {
      part += abs(x[i] - y[i]);
      terms += 1u;
      if (terms % 16u == 0u) {
        total += part;
        part = Element();
      }
    }
    out[params.out_first + j] = added_up(total + part) * params.scale;
  }
}
