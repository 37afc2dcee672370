// The parts of out[pixel, part, head, d] that are the gradients of k and v: Σ over queries of change · scale · q and of
// weight · gradient, where weight = exp(score − log sum) and change = weight · (gradient · v − mean).
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean), of the queries. The head dimension is HEAD_DIM_4 vec4.
//
// One invocation computes one key of one head, with k, v and both sums in registers. No subgroups, no workgroup memory,
// no barriers: runs on every device. Invocations beside each other read the same rows of q and gradient.
//
// Steps over the head dimension are written out up to 8, since some drivers (SwiftShader) keep an array in registers
// only where its index is a constant.
//
// Numerics: f32, queries ascending. Invocations past the last key compute the last and do not store.

// Times scale.
var<private> k: array<vec4f, HEAD_DIM_4>;
var<private> v: array<vec4f, HEAD_DIM_4>;
var<private> k_sum: array<vec4f, HEAD_DIM_4>;
var<private> v_sum: array<vec4f, HEAD_DIM_4>;
// Of one query with the key: scale · q·k + bias + mask, and gradient · v.
var<private> score: f32;
var<private> slope: f32;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let keys = params.windows * params.heads * tokens;
  let key = min(id, keys - 1u);
  let unit = key / tokens;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let own = token_at(place, key - unit * tokens);

  let row = 3u * params.heads * HEAD_DIM_4;
  let k_at = own.pixel * row + (params.heads + head) * HEAD_DIM_4;
  let v_at = k_at + params.heads * HEAD_DIM_4;
  load_key(0u, k_at, v_at);
  if (HEAD_DIM_4 > 1u) { load_key(1u, k_at, v_at); }
  if (HEAD_DIM_4 > 2u) { load_key(2u, k_at, v_at); }
  if (HEAD_DIM_4 > 3u) { load_key(3u, k_at, v_at); }
  if (HEAD_DIM_4 > 4u) { load_key(4u, k_at, v_at); }
  if (HEAD_DIM_4 > 5u) { load_key(5u, k_at, v_at); }
  if (HEAD_DIM_4 > 6u) { load_key(6u, k_at, v_at); }
  if (HEAD_DIM_4 > 7u) { load_key(7u, k_at, v_at); }
  for (var n = 8u; n < HEAD_DIM_4; n++) { load_key(n, k_at, v_at); }

  for (var i = 0u; i < tokens; i++) {
    let query = token_at(place, i);
    let q_at = query.pixel * row + head * HEAD_DIM_4;
    let g_at = (query.pixel * params.heads + head) * HEAD_DIM_4;
    let known = statistics[query.pixel * params.heads + head];
    score = bias_of(query, own, head);
    slope = 0.0;
    add_terms(0u, q_at, g_at);
    if (HEAD_DIM_4 > 1u) { add_terms(1u, q_at, g_at); }
    if (HEAD_DIM_4 > 2u) { add_terms(2u, q_at, g_at); }
    if (HEAD_DIM_4 > 3u) { add_terms(3u, q_at, g_at); }
    if (HEAD_DIM_4 > 4u) { add_terms(4u, q_at, g_at); }
    if (HEAD_DIM_4 > 5u) { add_terms(5u, q_at, g_at); }
    if (HEAD_DIM_4 > 6u) { add_terms(6u, q_at, g_at); }
    if (HEAD_DIM_4 > 7u) { add_terms(7u, q_at, g_at); }
    for (var n = 8u; n < HEAD_DIM_4; n++) { add_terms(n, q_at, g_at); }

    let weight = exp(score - known.x);
    let change = weight * (slope - known.y);
    add_query(0u, q_at, g_at, weight, change);
    if (HEAD_DIM_4 > 1u) { add_query(1u, q_at, g_at, weight, change); }
    if (HEAD_DIM_4 > 2u) { add_query(2u, q_at, g_at, weight, change); }
    if (HEAD_DIM_4 > 3u) { add_query(3u, q_at, g_at, weight, change); }
    if (HEAD_DIM_4 > 4u) { add_query(4u, q_at, g_at, weight, change); }
    if (HEAD_DIM_4 > 5u) { add_query(5u, q_at, g_at, weight, change); }
    if (HEAD_DIM_4 > 6u) { add_query(6u, q_at, g_at, weight, change); }
    if (HEAD_DIM_4 > 7u) { add_query(7u, q_at, g_at, weight, change); }
    for (var n = 8u; n < HEAD_DIM_4; n++) { add_query(n, q_at, g_at, weight, change); }
  }

  if (id < keys) {
    store(0u, k_at, v_at);
    if (HEAD_DIM_4 > 1u) { store(1u, k_at, v_at); }
    if (HEAD_DIM_4 > 2u) { store(2u, k_at, v_at); }
    if (HEAD_DIM_4 > 3u) { store(3u, k_at, v_at); }
    if (HEAD_DIM_4 > 4u) { store(4u, k_at, v_at); }
    if (HEAD_DIM_4 > 5u) { store(5u, k_at, v_at); }
    if (HEAD_DIM_4 > 6u) { store(6u, k_at, v_at); }
    if (HEAD_DIM_4 > 7u) { store(7u, k_at, v_at); }
    for (var n = 8u; n < HEAD_DIM_4; n++) { store(n, k_at, v_at); }
  }
}

fn load_key(n: u32, k_at: u32, v_at: u32) {
  k[n] = params.scale * qkv[k_at + n];
  v[n] = qkv[v_at + n];
}

fn add_terms(n: u32, q_at: u32, g_at: u32) {
  score += dot(k[n], qkv[q_at + n]);
  slope += dot(v[n], gradient[g_at + n]);
}

fn add_query(n: u32, q_at: u32, g_at: u32, weight: f32, change: f32) {
  k_sum[n] += change * qkv[q_at + n];
  v_sum[n] += weight * gradient[g_at + n];
}

fn store(n: u32, k_at: u32, v_at: u32) {
  out[k_at + n] = params.scale * k_sum[n];
  out[v_at + n] = v_sum[n];
}
