// Attention inside the windows of an image, with cyclic shift, as in SwinIR; geometry.wgsl says where windows lie.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; out[pixel, head, d]. The head dimension
// is HEAD_DIM_4 vec4.
//
// One workgroup is one subgroup of SUBGROUP_SIZE ≥ 4 lanes and computes 4·SUBGROUP_SIZE queries of one window and
// head, four per lane, with q and the sums in registers. Keys come in chunks of eight: each lane loads the k row, and
// later the v row, of one key (two where the subgroup has four lanes) and the rows are handed round with
// subgroupBroadcast, so that a row is loaded once per chunk and not once per lane. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane. Steps
// over the head dimension are written out up to 8 because SwiftShader keeps an array in registers only where its
// index is a constant.
//
// ALIGNED: the window is a multiple of 8. With eight lanes, a chunk of keys and the lanes' queries then each lie in
// one window row, and their 64 biases are 15 neighbours in the table: two loads and eight shuffles.
//
// Numerics: f32. The softmax is in powers of two (scale, bias and mask are multiplied by log₂e) and online: the sums
// are rescaled with each chunk's maximum. Queries and keys past the window's last one are computed on clamped
// addresses; such queries are not stored, such keys weigh 2^-1e30 = 0.

const LOG2_E: f32 = 1.4426950408889634;
const MASK: f32 = -100.0 * LOG2_E;
const NEVER: f32 = -1e30;
const PAST_THE_END: u32 = 4u;
const NEIGHBOURS: bool = ALIGNED && SUBGROUP_SIZE == 8u;
const TWO_ROWS: bool = SUBGROUP_SIZE < 8u;
// Which lane holds keys 4–7 of a chunk: from this one on.
const FIFTH: u32 = select(4u, 0u, TWO_ROWS);

// The lane's four queries and their sums over the keys so far.
var<private> q0: array<vec4f, HEAD_DIM_4>;
var<private> q1: array<vec4f, HEAD_DIM_4>;
var<private> q2: array<vec4f, HEAD_DIM_4>;
var<private> q3: array<vec4f, HEAD_DIM_4>;
var<private> o0: array<vec4f, HEAD_DIM_4>;
var<private> o1: array<vec4f, HEAD_DIM_4>;
var<private> o2: array<vec4f, HEAD_DIM_4>;
var<private> o3: array<vec4f, HEAD_DIM_4>;
// Scores of the chunk, then weights: s0a of the first query with keys 0–3, s0b with keys 4–7, and so on.
var<private> s0a: vec4f;
var<private> s0b: vec4f;
var<private> s1a: vec4f;
var<private> s1b: vec4f;
var<private> s2a: vec4f;
var<private> s2b: vec4f;
var<private> s3a: vec4f;
var<private> s3b: vec4f;

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tokens = params.window * params.window;
  let tiles = (tokens + 4u * SUBGROUP_SIZE - 1u) / (4u * SUBGROUP_SIZE);
  let id = group.y * groups.x + group.x;
  let unit = min(id / tiles, params.windows * params.heads - 1u);
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let straddles = place.border_y + place.border_x > 0u;

  let query = vec4u((id - unit * tiles) * 4u * SUBGROUP_SIZE + lane) + SUBGROUP_SIZE * vec4u(0u, 1u, 2u, 3u);
  let last = tokens - 1u;
  let t0 = token_at(place, min(query.x, last));
  let t1 = token_at(place, min(query.y, last));
  let t2 = token_at(place, min(query.z, last));
  let t3 = token_at(place, min(query.w, last));
  let pixel = vec4u(t0.pixel, t1.pixel, t2.pixel, t3.pixel);

  let row = 3u * params.heads * HEAD_DIM_4;
  let q_part = params.qkv_base + head * HEAD_DIM_4;
  let k_part = q_part + params.heads * HEAD_DIM_4;
  let v_part = k_part + params.heads * HEAD_DIM_4;
  let q_at = vec4u(q_part) + row * pixel;
  let scale = params.scale * LOG2_E;
  load_queries(0u, q_at, scale);
  if (HEAD_DIM_4 > 1u) { load_queries(1u, q_at, scale); }
  if (HEAD_DIM_4 > 2u) { load_queries(2u, q_at, scale); }
  if (HEAD_DIM_4 > 3u) { load_queries(3u, q_at, scale); }
  if (HEAD_DIM_4 > 4u) { load_queries(4u, q_at, scale); }
  if (HEAD_DIM_4 > 5u) { load_queries(5u, q_at, scale); }
  if (HEAD_DIM_4 > 6u) { load_queries(6u, q_at, scale); }
  if (HEAD_DIM_4 > 7u) { load_queries(7u, q_at, scale); }
  for (var d = 8u; d < HEAD_DIM_4; d++) { load_queries(d, q_at, scale); }
  var largest = vec4f(NEVER);
  var total = vec4f();

  for (var chunk = 0u; chunk < tokens; chunk += 8u) {
    let j_a = chunk + lane % 8u;
    let j_b = j_a + 4u;
    let key_a = token_at(place, min(j_a, last));
    let key_b = token_at(place, min(j_b, last));

    s0a = vec4f(); s1a = vec4f(); s2a = vec4f(); s3a = vec4f();
    s0b = vec4f(); s1b = vec4f(); s2b = vec4f(); s3b = vec4f();
    let k_a = k_part + row * key_a.pixel;
    let k_b = k_part + row * key_b.pixel;
    add_scores(0u, k_a, k_b);
    if (HEAD_DIM_4 > 1u) { add_scores(1u, k_a, k_b); }
    if (HEAD_DIM_4 > 2u) { add_scores(2u, k_a, k_b); }
    if (HEAD_DIM_4 > 3u) { add_scores(3u, k_a, k_b); }
    if (HEAD_DIM_4 > 4u) { add_scores(4u, k_a, k_b); }
    if (HEAD_DIM_4 > 5u) { add_scores(5u, k_a, k_b); }
    if (HEAD_DIM_4 > 6u) { add_scores(6u, k_a, k_b); }
    if (HEAD_DIM_4 > 7u) { add_scores(7u, k_a, k_b); }
    for (var d = 8u; d < HEAD_DIM_4; d++) { add_scores(d, k_a, k_b); }

    let offsets_a = numbers_0_to_3(key_a.offset);
    let offsets_b = numbers_4_to_7(select(key_a.offset, key_b.offset, TWO_ROWS));
    let b0 = biases(t0, offsets_a, offsets_b, head, lane);
    let b1 = biases(t1, offsets_a, offsets_b, head, lane);
    let b2 = biases(t2, offsets_a, offsets_b, head, lane);
    let b3 = biases(t3, offsets_a, offsets_b, head, lane);
    s0a += b0[0]; s1a += b1[0]; s2a += b2[0]; s3a += b3[0];
    s0b += b0[1]; s1b += b1[1]; s2b += b2[1]; s3b += b3[1];
    if (!ALIGNED || straddles) {
      let region_a = select(PAST_THE_END, key_a.region, j_a < tokens);
      let region_b = select(PAST_THE_END, key_b.region, j_b < tokens);
      let ra = numbers_0_to_3(region_a);
      let rb = numbers_4_to_7(select(region_a, region_b, TWO_ROWS));
      s0a += masks(t0, ra); s1a += masks(t1, ra); s2a += masks(t2, ra); s3a += masks(t3, ra);
      s0b += masks(t0, rb); s1b += masks(t1, rb); s2b += masks(t2, rb); s3b += masks(t3, rb);
    }

    let now = max(largest, vec4f(top(s0a, s0b), top(s1a, s1b), top(s2a, s2b), top(s3a, s3b)));
    let keep = exp2(largest - now);
    largest = now;
    s0a = exp2(s0a - now.x); s1a = exp2(s1a - now.y); s2a = exp2(s2a - now.z); s3a = exp2(s3a - now.w);
    s0b = exp2(s0b - now.x); s1b = exp2(s1b - now.y); s2b = exp2(s2b - now.z); s3b = exp2(s3b - now.w);
    let one = vec4f(1.0);
    let sums = vec4f(dot(s0a + s0b, one), dot(s1a + s1b, one), dot(s2a + s2b, one), dot(s3a + s3b, one));
    total = total * keep + sums;

    let v_a = v_part + row * key_a.pixel;
    let v_b = v_part + row * key_b.pixel;
    add_values(0u, v_a, v_b, keep);
    if (HEAD_DIM_4 > 1u) { add_values(1u, v_a, v_b, keep); }
    if (HEAD_DIM_4 > 2u) { add_values(2u, v_a, v_b, keep); }
    if (HEAD_DIM_4 > 3u) { add_values(3u, v_a, v_b, keep); }
    if (HEAD_DIM_4 > 4u) { add_values(4u, v_a, v_b, keep); }
    if (HEAD_DIM_4 > 5u) { add_values(5u, v_a, v_b, keep); }
    if (HEAD_DIM_4 > 6u) { add_values(6u, v_a, v_b, keep); }
    if (HEAD_DIM_4 > 7u) { add_values(7u, v_a, v_b, keep); }
    for (var d = 8u; d < HEAD_DIM_4; d++) { add_values(d, v_a, v_b, keep); }
  }

  let out_at = vec4u(params.out_base + head * HEAD_DIM_4) + params.heads * HEAD_DIM_4 * pixel;
  let live = id < params.windows * params.heads * tiles;
  let stored = vec4<bool>(live) & (query < vec4u(tokens));
  let share = 1.0 / total;
  store(0u, out_at, stored, share);
  if (HEAD_DIM_4 > 1u) { store(1u, out_at, stored, share); }
  if (HEAD_DIM_4 > 2u) { store(2u, out_at, stored, share); }
  if (HEAD_DIM_4 > 3u) { store(3u, out_at, stored, share); }
  if (HEAD_DIM_4 > 4u) { store(4u, out_at, stored, share); }
  if (HEAD_DIM_4 > 5u) { store(5u, out_at, stored, share); }
  if (HEAD_DIM_4 > 6u) { store(6u, out_at, stored, share); }
  if (HEAD_DIM_4 > 7u) { store(7u, out_at, stored, share); }
  for (var d = 8u; d < HEAD_DIM_4; d++) { store(d, out_at, stored, share); }
}

fn load_queries(d: u32, at: vec4u, scale: f32) {
  q0[d] = qkv[at.x + d] * scale;
  q1[d] = qkv[at.y + d] * scale;
  q2[d] = qkv[at.z + d] * scale;
  q3[d] = qkv[at.w + d] * scale;
}

fn add_scores(d: u32, row_a: u32, row_b: u32) {
  let own_a = qkv[row_a + d];
  var own_b = own_a;
  if (TWO_ROWS) { own_b = qkv[row_b + d]; }
  let a = rows_0_to_3(own_a);
  let b = rows_4_to_7(own_b);
  s0a += q0[d] * a; s1a += q1[d] * a; s2a += q2[d] * a; s3a += q3[d] * a;
  s0b += q0[d] * b; s1b += q1[d] * b; s2b += q2[d] * b; s3b += q3[d] * b;
}

fn add_values(d: u32, row_a: u32, row_b: u32, keep: vec4f) {
  let own_a = qkv[row_a + d];
  var own_b = own_a;
  if (TWO_ROWS) { own_b = qkv[row_b + d]; }
  let a = rows_0_to_3(own_a);
  let b = rows_4_to_7(own_b);
  o0[d] = o0[d] * keep.x + a * s0a + b * s0b;
  o1[d] = o1[d] * keep.y + a * s1a + b * s1b;
  o2[d] = o2[d] * keep.z + a * s2a + b * s2b;
  o3[d] = o3[d] * keep.w + a * s3a + b * s3b;
}

fn store(d: u32, at: vec4u, stored: vec4<bool>, share: vec4f) {
  if (stored.x) { out[at.x + d] = o0[d] * share.x; }
  if (stored.y) { out[at.y + d] = o1[d] * share.y; }
  if (stored.z) { out[at.z + d] = o2[d] * share.z; }
  if (stored.w) { out[at.w + d] = o3[d] * share.w; }
}

// One column per key of the chunk: the vec4 of its row that its lane has loaded.
fn rows_0_to_3(own: vec4f) -> mat4x4f {
  return mat4x4f(
    subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u),
    subgroupBroadcast(own, 2u), subgroupBroadcast(own, 3u),
  );
}

fn rows_4_to_7(own: vec4f) -> mat4x4f {
  return mat4x4f(
    subgroupBroadcast(own, FIFTH), subgroupBroadcast(own, FIFTH + 1u),
    subgroupBroadcast(own, FIFTH + 2u), subgroupBroadcast(own, FIFTH + 3u),
  );
}

fn numbers_0_to_3(own: u32) -> vec4u {
  return vec4u(
    subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u),
    subgroupBroadcast(own, 2u), subgroupBroadcast(own, 3u),
  );
}

fn numbers_4_to_7(own: u32) -> vec4u {
  return vec4u(
    subgroupBroadcast(own, FIFTH), subgroupBroadcast(own, FIFTH + 1u),
    subgroupBroadcast(own, FIFTH + 2u), subgroupBroadcast(own, FIFTH + 3u),
  );
}

// Biases of one query of this lane on the keys of the chunk, times log₂e.
fn biases(query: Token, offsets_a: vec4u, offsets_b: vec4u, head: u32, lane: u32) -> array<vec4f, 2> {
  let zero = query.offset + table_centre();
  if (NEIGHBOURS) {
    let low = zero - offsets_a.x - 7u;
    let near = LOG2_E * table[low * params.heads + head];
    let far = LOG2_E * table[min(low + 8u, 2u * table_centre()) * params.heads + head];
    return array<vec4f, 2>(
      vec4f(
        neighbour(near, far, lane, 0u), neighbour(near, far, lane, 1u),
        neighbour(near, far, lane, 2u), neighbour(near, far, lane, 3u),
      ),
      vec4f(
        neighbour(near, far, lane, 4u), neighbour(near, far, lane, 5u),
        neighbour(near, far, lane, 6u), neighbour(near, far, lane, 7u),
      ),
    );
  }
  let a = (vec4u(zero) - offsets_a) * params.heads + head;
  let b = (vec4u(zero) - offsets_b) * params.heads + head;
  return array<vec4f, 2>(
    LOG2_E * vec4f(table[a.x], table[a.y], table[a.z], table[a.w]),
    LOG2_E * vec4f(table[b.x], table[b.y], table[b.z], table[b.w]),
  );
}

// `near` and `far` hold 16 neighbours, entry e in lane e % 8; lane l wants entry l + 7 − key.
fn neighbour(near: f32, far: f32, lane: u32, key: u32) -> f32 {
  return subgroupShuffle(select(far, near, lane + key >= 7u), (lane + 7u - key) % 8u);
}

fn masks(query: Token, regions: vec4u) -> vec4f {
  let apart = select(vec4f(), vec4f(MASK), regions != vec4u(query.region));
  return select(apart, vec4f(NEVER), regions == vec4u(PAST_THE_END));
}

fn top(a: vec4f, b: vec4f) -> f32 {
  let m = max(a, b);
  return max(max(m.x, m.y), max(m.z, m.w));
}
