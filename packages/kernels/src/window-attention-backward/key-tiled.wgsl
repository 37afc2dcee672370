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
// Numerics: f32, queries ascending. Invocations past the last key store nothing.

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
  let key = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let keys = params.windows * params.heads * tokens;
  let unit = key / tokens;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let own = token_at(place, key - unit * tokens);

  let row = 3u * params.heads * HEAD_DIM_4;
  let k_at = own.pixel * row + (params.heads + head) * HEAD_DIM_4;
  let v_at = k_at + params.heads * HEAD_DIM_4;
  #unroll (n < HEAD_DIM_4) load_key(n, k_at, v_at);

  for (var i = 0u; i < tokens; i++) {
    let query = token_at(place, i);
    let q_at = query.pixel * row + head * HEAD_DIM_4;
    let g_at = (query.pixel * params.heads + head) * HEAD_DIM_4;
    let known = statistics[query.pixel * params.heads + head];
    score = bias_of(query, own, head);
    slope = 0.0;
    #unroll (n < HEAD_DIM_4) add_terms(n, q_at, g_at);

    let weight = exp(score - known.x);
    let change = weight * (slope - known.y);
    #unroll (n < HEAD_DIM_4) add_query(n, q_at, g_at, weight, change);
  }

  if (key < keys) {
    #unroll (n < HEAD_DIM_4) store(n, k_at, v_at);
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
