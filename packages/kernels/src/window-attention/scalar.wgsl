// Attention inside the windows of an image, with cyclic shift, as in SwinIR; geometry.wgsl says where windows lie.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; out[pixel, head, d]; with LOG_SUMS also
// log_sums[pixel, head] = log Σ exp(score), for the backward pass: then the host binds all of qkv, and no base is added.
//
// One invocation computes one query of one head. It exists for head dimensions that are not multiples of 4 or too
// large for registers, which models avoid by padding: it passes over the keys twice, once for the largest score and
// once for the sums, which it accumulates in `out`.
//
// Numerics: f32, softmax with the maximum subtracted, keys ascending.

const MASK: f32 = -100.0;

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
  let q_at = params.qkv_base + own.pixel * row + head * params.head_dim;
  let v_part = params.qkv_base + (2u * params.heads + head) * params.head_dim;
  let out_at = params.out_base + (own.pixel * params.heads + head) * params.head_dim;

  var largest = -1e30;
  for (var j = 0u; j < tokens; j++) {
    largest = max(largest, score(q_at, own, token_at(place, j), head));
  }
  for (var d = 0u; d < params.head_dim; d++) {
    out[out_at + d] = 0.0;
  }
  var total = 0.0;
  for (var j = 0u; j < tokens; j++) {
    let key = token_at(place, j);
    let weight = exp(score(q_at, own, key, head) - largest);
    total += weight;
    for (var d = 0u; d < params.head_dim; d++) {
      out[out_at + d] += weight * qkv[v_part + key.pixel * row + d];
    }
  }
  for (var d = 0u; d < params.head_dim; d++) {
    out[out_at + d] /= total;
  }
#if ${LOG_SUMS}
  log_sums[own.pixel * params.heads + head] = largest + log(total);
#endif
}

fn score(q_at: u32, query: Token, key: Token, head: u32) -> f32 {
  let k_at = params.qkv_base + (3u * key.pixel * params.heads + params.heads + head) * params.head_dim;
  var sum = 0.0;
  for (var d = 0u; d < params.head_dim; d++) {
    sum += qkv[q_at + d] * qkv[k_at + d];
  }
  let bias = table[(query.offset + table_centre() - key.offset) * params.heads + head];
  return sum * params.scale + bias + select(0.0, MASK, key.region != query.region);
}
