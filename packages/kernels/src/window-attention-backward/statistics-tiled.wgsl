// statistics[pixel, head] = (log Σ exp(score), Σ weight · (gradient · v)): per query, the logarithm that turns a score
// into its weight, exp(score − first), and the weighted mean that the softmax's derivative subtracts.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d]. The head
// dimension is HEAD_DIM_4 vec4.
//
// One invocation computes one query of one head, with q and its gradient in registers. No subgroups, no workgroup
// memory, no barriers: runs on every device.
//
// Steps over the head dimension are written out up to 8, since some drivers (SwiftShader) keep an array in registers
// only where its index is a constant.
//
// Numerics: f32, online softmax: the sums are rescaled whenever the maximum grows. Keys ascending. Invocations past the
// last query store nothing.

var<private> q: array<vec4f, HEAD_DIM_4>;
var<private> g: array<vec4f, HEAD_DIM_4>;
// Of the query with one key: scale · q·k + bias + mask, and gradient · v.
var<private> score: f32;
var<private> slope: f32;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let query = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let queries = params.windows * params.heads * tokens;
  let unit = query / tokens;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let own = token_at(place, query - unit * tokens);

  let row = 3u * params.heads * HEAD_DIM_4;
  let q_at = own.pixel * row + head * HEAD_DIM_4;
  let k_part = (params.heads + head) * HEAD_DIM_4;
  let v_step = params.heads * HEAD_DIM_4;
  let g_at = (own.pixel * params.heads + head) * HEAD_DIM_4;
  #unroll (n < HEAD_DIM_4) load_query(n, q_at, g_at);

  var largest = -1e30;
  var total = 0.0;
  var mean = 0.0;
  for (var j = 0u; j < tokens; j++) {
    let key = token_at(place, j);
    let k_at = k_part + row * key.pixel;
    let v_at = k_at + v_step;
    score = bias_of(own, key, head);
    slope = 0.0;
    #unroll (n < HEAD_DIM_4) add_terms(n, k_at, v_at);

    let now = max(largest, score);
    let keep = exp(largest - now);
    let weight = exp(score - now);
    total = total * keep + weight;
    mean = mean * keep + weight * slope;
    largest = now;
  }
  if (query < queries) {
    statistics[own.pixel * params.heads + head] = vec2f(largest + log(total), mean / total);
  }
}

fn load_query(n: u32, q_at: u32, g_at: u32) {
  q[n] = params.scale * qkv[q_at + n];
  g[n] = gradient[g_at + n];
}

fn add_terms(n: u32, k_at: u32, v_at: u32) {
  score += dot(q[n], qkv[k_at + n]);
  slope += dot(g[n], qkv[v_at + n]);
}
