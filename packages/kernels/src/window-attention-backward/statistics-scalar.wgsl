// statistics[pixel, head] = (log Σ exp(score), Σ weight · (gradient · v)): per query, the logarithm that turns a score
// into its weight, exp(score − first), and the weighted mean that the softmax's derivative subtracts.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d].
//
// One invocation computes one query of one head. It exists for head dimensions that are not multiples of 4 or too
// large for registers.
//
// Numerics: f32, online softmax: the sums are rescaled whenever the maximum grows. Keys ascending.

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

  var largest = -1e30;
  var total = 0.0;
  var mean = 0.0;
  for (var j = 0u; j < tokens; j++) {
    let key = token_at(place, j);
    var product = 0.0;
    var slope = 0.0;
    for (var d = 0u; d < params.head_dim; d++) {
      product += qkv[q_at + d] * qkv[k_part + key.pixel * row + d];
      slope += gradient[g_at + d] * qkv[v_part + key.pixel * row + d];
    }
    let score = product * params.scale + bias_of(own, key, head);
    let now = max(largest, score);
    let keep = exp(largest - now);
    let weight = exp(score - now);
    total = total * keep + weight;
    mean = mean * keep + weight * slope;
    largest = now;
  }
  statistics[own.pixel * params.heads + head] = vec2f(largest + log(total), mean / total);
}
