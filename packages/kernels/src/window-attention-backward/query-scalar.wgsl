// The part of out[pixel, part, head, d] that is the gradient of q: scale · Σ over keys of change · k, where
// change = weight · (gradient · v − mean) is the gradient of the score, weight = exp(score − log sum).
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean).
//
// One invocation computes one query of one head. It exists for head dimensions that are not multiples of 4 or too
// large for registers, and accumulates in `out`.
//
// Numerics: f32, keys ascending.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let query = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  if (query >= params.windows * params.heads * tokens) {
    return;
  }
  let unit = query / tokens;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let own = token_at(place, query - unit * tokens);

  let row = 3u * params.heads * params.head_dim;
  let q_at = own.pixel * row + head * params.head_dim;
  let k_part = (params.heads + head) * params.head_dim;
  let v_part = k_part + params.heads * params.head_dim;
  let g_at = (own.pixel * params.heads + head) * params.head_dim;
  let known = statistics[own.pixel * params.heads + head];

  for (var d = 0u; d < params.head_dim; d++) {
    out[q_at + d] = 0.0;
  }
  for (var j = 0u; j < tokens; j++) {
    let key = token_at(place, j);
    let k_at = k_part + key.pixel * row;
    var product = 0.0;
    var slope = 0.0;
    for (var d = 0u; d < params.head_dim; d++) {
      product += qkv[q_at + d] * qkv[k_at + d];
      slope += gradient[g_at + d] * qkv[v_part + key.pixel * row + d];
    }
    let score = product * params.scale + bias_of(own, key, head);
    let change = exp(score - known.x) * (slope - known.y);
    for (var d = 0u; d < params.head_dim; d++) {
      out[q_at + d] += change * qkv[k_at + d];
    }
  }
  for (var d = 0u; d < params.head_dim; d++) {
    out[q_at + d] *= params.scale;
  }
}
