// Partial sums of squares: out[out_first + j] = Σ x[i]² over the vec4s i = j, j + width, j + 2·width, … below `count`.
//
// One invocation per partial sum, `width` of them; lanes read neighbouring addresses; the grid is folded into two
// dimensions. No barriers, no atomics: the order of the sum is fixed. Sixteen terms are summed at a time, so that the
// rounding error grows with terms/16 + 16 additions rather than with their number.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let j = id.y * groups.x * WORKGROUP_X + id.x;
  if (j < params.width) {
    var total = vec4f(0.0);
    var part = vec4f(0.0);
    var terms = 0u;
    for (var i = j; i < params.count; i += params.width) {
      let value = x[i];
      part += value * value;
      terms += 1u;
      if (terms % 16u == 0u) {
        total += part;
        part = vec4f(0.0);
      }
    }
    total += part;
    out[params.out_first + j] = (total.x + total.y) + (total.z + total.w);
  }
}
