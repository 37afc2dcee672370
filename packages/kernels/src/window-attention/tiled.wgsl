// Attention inside the windows of an image, with cyclic shift, as in SwinIR; geometry.wgsl says where windows lie.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; out[pixel, head, d]. The head dimension
// is HEAD_DIM_4 vec4.
//
// One invocation computes one query of one head, with q and the sums in registers, over four keys of a window row at
// a time. No subgroups, no workgroup memory, no barriers: runs on every device. Invocations beside each other read
// the same k and v rows, so that a GPU's cache serves them with one access.
//
// Steps over the head dimension are written out up to 8 because some drivers (SwiftShader) keep an array in registers
// only where its index is a constant.
//
// Numerics: f32. The softmax is in powers of two (scale, bias and mask are multiplied by log₂e) and online: the sums
// are rescaled with each group's maximum. Keys past a row's end, where the window is not a multiple of 4, are read
// from clamped addresses and weigh 2^-1e30 = 0. Invocations past the last query compute the last and do not store.

const LOG2_E: f32 = 1.4426950408889634;
const MASK: f32 = -100.0 * LOG2_E;
const NEVER: f32 = -1e30;

var<private> q: array<vec4f, HEAD_DIM_4>;
var<private> sum: array<vec4f, HEAD_DIM_4>;
// Scores of the query with four keys, then their weights.
var<private> score: vec4f;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let id = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let queries = params.windows * params.heads * tokens;
  let query = min(id, queries - 1u);
  let unit = query / tokens;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let own = token_at(place, query - unit * tokens);

  let row = 3u * params.heads * HEAD_DIM_4;
  let q_at = params.qkv_base + own.pixel * row + head * HEAD_DIM_4;
  let k_part = params.qkv_base + (params.heads + head) * HEAD_DIM_4;
  let v_part = k_part + params.heads * HEAD_DIM_4;
  let scale = params.scale * LOG2_E;
  load_query(0u, q_at, scale);
  if (HEAD_DIM_4 > 1u) { load_query(1u, q_at, scale); }
  if (HEAD_DIM_4 > 2u) { load_query(2u, q_at, scale); }
  if (HEAD_DIM_4 > 3u) { load_query(3u, q_at, scale); }
  if (HEAD_DIM_4 > 4u) { load_query(4u, q_at, scale); }
  if (HEAD_DIM_4 > 5u) { load_query(5u, q_at, scale); }
  if (HEAD_DIM_4 > 6u) { load_query(6u, q_at, scale); }
  if (HEAD_DIM_4 > 7u) { load_query(7u, q_at, scale); }
  for (var d = 8u; d < HEAD_DIM_4; d++) { load_query(d, q_at, scale); }
  var largest = NEVER;
  var total = 0.0;

  let last = params.window - 1u;
  for (var y = 0u; y < params.window; y++) {
    for (var x = 0u; x < params.window; x += 4u) {
      let first = token_at(place, y * params.window + x);
      let second = token_at(place, y * params.window + min(x + 1u, last));
      let third = token_at(place, y * params.window + min(x + 2u, last));
      let fourth = token_at(place, y * params.window + min(x + 3u, last));

      let k = vec4u(k_part) + row * vec4u(first.pixel, second.pixel, third.pixel, fourth.pixel);
      score = vec4f();
      add_scores(0u, k);
      if (HEAD_DIM_4 > 1u) { add_scores(1u, k); }
      if (HEAD_DIM_4 > 2u) { add_scores(2u, k); }
      if (HEAD_DIM_4 > 3u) { add_scores(3u, k); }
      if (HEAD_DIM_4 > 4u) { add_scores(4u, k); }
      if (HEAD_DIM_4 > 5u) { add_scores(5u, k); }
      if (HEAD_DIM_4 > 6u) { add_scores(6u, k); }
      if (HEAD_DIM_4 > 7u) { add_scores(7u, k); }
      for (var d = 8u; d < HEAD_DIM_4; d++) { add_scores(d, k); }
      let at = (vec4u(own.offset + table_centre()) - vec4u(first.offset, second.offset, third.offset, fourth.offset))
        * params.heads + head;
      score += LOG2_E * vec4f(table[at.x], table[at.y], table[at.z], table[at.w]);
      let regions = vec4u(first.region, second.region, third.region, fourth.region);
      score += select(vec4f(), vec4f(MASK), regions != vec4u(own.region));
      score = select(score, vec4f(NEVER), vec4u(x, x + 1u, x + 2u, x + 3u) > vec4u(last));

      let now = max(largest, max(max(score.x, score.y), max(score.z, score.w)));
      let keep = exp2(largest - now);
      score = exp2(score - now);
      largest = now;
      total = total * keep + dot(score, vec4f(1.0));
      let v = vec4u(v_part) + row * vec4u(first.pixel, second.pixel, third.pixel, fourth.pixel);
      add_values(0u, v, keep);
      if (HEAD_DIM_4 > 1u) { add_values(1u, v, keep); }
      if (HEAD_DIM_4 > 2u) { add_values(2u, v, keep); }
      if (HEAD_DIM_4 > 3u) { add_values(3u, v, keep); }
      if (HEAD_DIM_4 > 4u) { add_values(4u, v, keep); }
      if (HEAD_DIM_4 > 5u) { add_values(5u, v, keep); }
      if (HEAD_DIM_4 > 6u) { add_values(6u, v, keep); }
      if (HEAD_DIM_4 > 7u) { add_values(7u, v, keep); }
      for (var d = 8u; d < HEAD_DIM_4; d++) { add_values(d, v, keep); }
    }
  }

  if (id < queries) {
    let out_at = params.out_base + (own.pixel * params.heads + head) * HEAD_DIM_4;
    store(0u, out_at, total);
    if (HEAD_DIM_4 > 1u) { store(1u, out_at, total); }
    if (HEAD_DIM_4 > 2u) { store(2u, out_at, total); }
    if (HEAD_DIM_4 > 3u) { store(3u, out_at, total); }
    if (HEAD_DIM_4 > 4u) { store(4u, out_at, total); }
    if (HEAD_DIM_4 > 5u) { store(5u, out_at, total); }
    if (HEAD_DIM_4 > 6u) { store(6u, out_at, total); }
    if (HEAD_DIM_4 > 7u) { store(7u, out_at, total); }
    for (var d = 8u; d < HEAD_DIM_4; d++) { store(d, out_at, total); }
  }
}

fn load_query(d: u32, at: u32, scale: f32) {
  q[d] = qkv[at + d] * scale;
}

fn add_scores(d: u32, rows: vec4u) {
  score += q[d] * mat4x4f(qkv[rows.x + d], qkv[rows.y + d], qkv[rows.z + d], qkv[rows.w + d]);
}

fn add_values(d: u32, rows: vec4u, keep: f32) {
  sum[d] = sum[d] * keep + mat4x4f(qkv[rows.x + d], qkv[rows.y + d], qkv[rows.z + d], qkv[rows.w + d]) * score;
}

fn store(d: u32, at: u32, total: f32) {
  out[at + d] = sum[d] / total;
}
