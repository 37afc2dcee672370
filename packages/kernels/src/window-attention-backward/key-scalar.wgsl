// The parts of out[pixel, part, head, d] that are the gradients of k and v: Σ over queries of change · scale · q and of
// weight · gradient, where weight = exp(score − log sum) and change = weight · (gradient · v − mean).
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean), of the queries.
//
// One invocation computes one key of one head. It exists for head dimensions that are not multiples of 4 or too large
// for registers, and accumulates in `out`.
//
// Numerics: f32, queries ascending.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let key = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  if (key >= params.windows * params.heads * tokens) {
    return;
  }
  let unit = key / tokens;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let own = token_at(place, key - unit * tokens);

  let row = 3u * params.heads * params.head_dim;
  let k_at = own.pixel * row + (params.heads + head) * params.head_dim;
  let v_at = k_at + params.heads * params.head_dim;

  for (var d = 0u; d < params.head_dim; d++) {
    out[k_at + d] = 0.0;
    out[v_at + d] = 0.0;
  }
  for (var i = 0u; i < tokens; i++) {
    let query = token_at(place, i);
    let q_at = query.pixel * row + head * params.head_dim;
    let g_at = (query.pixel * params.heads + head) * params.head_dim;
    let known = statistics[query.pixel * params.heads + head];
    var product = 0.0;
    var slope = 0.0;
    for (var d = 0u; d < params.head_dim; d++) {
      product += qkv[q_at + d] * qkv[k_at + d];
      slope += gradient[g_at + d] * qkv[v_at + d];
    }
    let weight = exp(product * params.scale + bias_of(query, own, head) - known.x);
    let change = weight * (slope - known.y);
    for (var d = 0u; d < params.head_dim; d++) {
      out[k_at + d] += change * qkv[q_at + d];
      out[v_at + d] += weight * gradient[g_at + d];
    }
  }
  for (var d = 0u; d < params.head_dim; d++) {
    out[k_at + d] *= params.scale;
  }
}
