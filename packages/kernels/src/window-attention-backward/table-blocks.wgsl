// partial_sums[group, head, query, key] = Σ over the group's windows of change, the gradient of the score of a query
// with a key: weight · (gradient · v − mean), weight = exp(score − log sum). A group is `per_group` windows in a row.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean). The head dimension is head_dim / 4 vec4.
//
// One invocation computes the pairs of four queries with four keys, so that a row that it loads serves four pairs. No
// subgroups, no workgroup memory, no barriers: runs on every device.
//
// Numerics: f32, windows ascending. Queries and keys past the window's last token are not stored, nor is what
// invocations past the last group compute.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let side = (tokens + 3u) / 4u;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let unit = id / (side * side);
  let block = id - unit * side * side;
  let head = unit % params.heads;
  let first = unit / params.heads * params.per_group;
  let query = 4u * (block / side) + vec4u(0u, 1u, 2u, 3u);
  let key = 4u * (block % side) + vec4u(0u, 1u, 2u, 3u);

  let head_dim4 = params.head_dim / 4u;
  let row = 3u * params.heads * head_dim4;
  let k_part = (params.heads + head) * head_dim4;

  // Columns are queries, rows keys.
  var sum = mat4x4f();
  for (var w = first; w < min(first + params.per_group, params.windows); w++) {
    let place = place_of_window(w);
    let q0 = token_at(place, query.x);
    let q1 = token_at(place, query.y);
    let q2 = token_at(place, query.z);
    let q3 = token_at(place, query.w);
    let k0 = token_at(place, key.x);
    let k1 = token_at(place, key.y);
    let k2 = token_at(place, key.z);
    let k3 = token_at(place, key.w);
    let g_at = (vec4u(q0.pixel, q1.pixel, q2.pixel, q3.pixel) * params.heads + head) * head_dim4;
    let q_at = vec4u(q0.pixel, q1.pixel, q2.pixel, q3.pixel) * row + head * head_dim4;
    let k_at = vec4u(k0.pixel, k1.pixel, k2.pixel, k3.pixel) * row + k_part;
    let v_at = k_at + params.heads * head_dim4;

    var score = mat4x4f();
    var slope = mat4x4f();
    for (var d = 0u; d < head_dim4; d++) {
      let keys = transpose(mat4x4f(qkv[k_at.x + d], qkv[k_at.y + d], qkv[k_at.z + d], qkv[k_at.w + d]));
      score += keys * mat4x4f(qkv[q_at.x + d], qkv[q_at.y + d], qkv[q_at.z + d], qkv[q_at.w + d]);
      let values = transpose(mat4x4f(qkv[v_at.x + d], qkv[v_at.y + d], qkv[v_at.z + d], qkv[v_at.w + d]));
      slope += values * mat4x4f(gradient[g_at.x + d], gradient[g_at.y + d], gradient[g_at.z + d], gradient[g_at.w + d]);
    }
    sum[0] += change(q0, k0, k1, k2, k3, head, score[0], slope[0]);
    sum[1] += change(q1, k0, k1, k2, k3, head, score[1], slope[1]);
    sum[2] += change(q2, k0, k1, k2, k3, head, score[2], slope[2]);
    sum[3] += change(q3, k0, k1, k2, k3, head, score[3], slope[3]);
  }

  if (first < params.windows) {
    let at = unit * tokens * tokens;
    if (query.x < tokens) { store(at + query.x * tokens, key, tokens, sum[0]); }
    if (query.y < tokens) { store(at + query.y * tokens, key, tokens, sum[1]); }
    if (query.z < tokens) { store(at + query.z * tokens, key, tokens, sum[2]); }
    if (query.w < tokens) { store(at + query.w * tokens, key, tokens, sum[3]); }
  }
}

// Of one query with four keys, from q·k and gradient · v.
fn change(
  query: Token, k0: Token, k1: Token, k2: Token, k3: Token, head: u32, product: vec4f, slope: vec4f,
) -> vec4f {
  let bias = vec4f(
    bias_of(query, k0, head), bias_of(query, k1, head), bias_of(query, k2, head), bias_of(query, k3, head),
  );
  let known = statistics[query.pixel * params.heads + head];
  return exp(product * params.scale + bias - known.x) * (slope - known.y);
}

fn store(at: u32, j: vec4u, tokens: u32, value: vec4f) {
  if (j.x < tokens) { partial_sums[at + j.x] = value.x; }
  if (j.y < tokens) { partial_sums[at + j.y] = value.y; }
  if (j.z < tokens) { partial_sums[at + j.z] = value.z; }
  if (j.w < tokens) { partial_sums[at + j.w] = value.w; }
}
