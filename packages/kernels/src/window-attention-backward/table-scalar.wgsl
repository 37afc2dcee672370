// partial_sums[group, head, query, key] = Σ over the group's windows of change, the gradient of the score of a query with a
// key: weight · (gradient · v − mean), weight = exp(score − log sum). A group is `per_group` windows in a row.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean).
//
// One invocation computes one element of partial_sums. It exists for head dimensions that are not multiples of 4.
//
// Numerics: f32, windows ascending.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let unit = id / (tokens * tokens);
  let first = unit / params.heads * params.per_group;
  if (first >= params.windows) {
    return;
  }
  let head = unit % params.heads;
  let pair = id - unit * tokens * tokens;
  let i = pair / tokens;
  let j = pair - i * tokens;
  let row = 3u * params.heads * params.head_dim;

  var sum = 0.0;
  for (var w = first; w < min(first + params.per_group, params.windows); w++) {
    let place = place_of_window(w);
    let query = token_at(place, i);
    let key = token_at(place, j);
    let q_at = query.pixel * row + head * params.head_dim;
    let k_at = key.pixel * row + (params.heads + head) * params.head_dim;
    let v_at = k_at + params.heads * params.head_dim;
    let g_at = (query.pixel * params.heads + head) * params.head_dim;
    let known = statistics[query.pixel * params.heads + head];
    var product = 0.0;
    var slope = 0.0;
    for (var d = 0u; d < params.head_dim; d++) {
      product += qkv[q_at + d] * qkv[k_at + d];
      slope += gradient[g_at + d] * qkv[v_at + d];
    }
    let score = product * params.scale + bias_of(query, key, head);
    sum += exp(score - known.x) * (slope - known.y);
  }
  partial_sums[id] = sum;
}
