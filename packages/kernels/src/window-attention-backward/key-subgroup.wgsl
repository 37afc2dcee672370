// The parts of out[pixel, part, head, d] that are the gradients of k and v: Σ over queries of change · scale · q and of
// weight · gradient, where weight = exp(score − log sum) and change = weight · (gradient · v − mean).
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean), of the queries. The head dimension is HEAD_DIM_4 vec4.
//
// One workgroup is one subgroup of SUBGROUP_SIZE ≥ 4 lanes and computes 4·SUBGROUP_SIZE keys of one window and head,
// four per lane, with k, v and both sums in registers; queries come in chunks of eight, whose rows and statistics are
// loaded once and handed round. Why: see ../window-attention/subgroup.wgsl. No barriers.
//
// Numerics: f32, powers of two, chunks of queries ascending. Keys past the window's last one are not stored;
// queries past it are the last once more and weigh 0.

const LANES_HOLD_KEYS: bool = true;

var<private> k_sum0: array<vec4f, HEAD_DIM_4>;
var<private> k_sum1: array<vec4f, HEAD_DIM_4>;
var<private> k_sum2: array<vec4f, HEAD_DIM_4>;
var<private> k_sum3: array<vec4f, HEAD_DIM_4>;
var<private> v_sum0: array<vec4f, HEAD_DIM_4>;
var<private> v_sum1: array<vec4f, HEAD_DIM_4>;
var<private> v_sum2: array<vec4f, HEAD_DIM_4>;
var<private> v_sum3: array<vec4f, HEAD_DIM_4>;
// One step of the sums of each key.
var<private> r0: vec4f;
var<private> r1: vec4f;
var<private> r2: vec4f;
var<private> r3: vec4f;

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tokens = params.window * params.window;
  let tiles = (tokens + 4u * SUBGROUP_SIZE - 1u) / (4u * SUBGROUP_SIZE);
  let chunks = (tokens + 7u) / 8u;
  let id = group.y * groups.x + group.x;
  let unit = id / tiles;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let straddles = place.border_y + place.border_x > 0u;
  let key = own_tokens(id - unit * tiles, lane);
  let own = own_at(place, key);
  load_own(own, head);

  for (var chunk = 0u; chunk < chunks; chunk++) {
    let queries = chunk_at(place, chunk, lane);
    let rows = chunk_rows(queries, head);
    load_chunk(rows);
    set_terms(own, queries, chunk, rows, straddles, head, lane);

    let known_a = chunk_known(queries.a, head);
    var known_b = known_a;
    if (TWO_ROWS) { known_b = chunk_known(queries.b, head); }
    let known = Columns(rows_0_to_3(known_a), rows_4_to_7(known_b));
    let log_sum_a = vec4f(known.a[0].x, known.a[1].x, known.a[2].x, known.a[3].x);
    let log_sum_b = vec4f(known.b[0].x, known.b[1].x, known.b[2].x, known.b[3].x);
    let mean_a = vec4f(known.a[0].y, known.a[1].y, known.a[2].y, known.a[3].y);
    let mean_b = vec4f(known.b[0].y, known.b[1].y, known.b[2].y, known.b[3].y);
    s0a = exp2(s0a - log_sum_a); s1a = exp2(s1a - log_sum_a); s2a = exp2(s2a - log_sum_a); s3a = exp2(s3a - log_sum_a);
    s0b = exp2(s0b - log_sum_b); s1b = exp2(s1b - log_sum_b); s2b = exp2(s2b - log_sum_b); s3b = exp2(s3b - log_sum_b);
    d0a = s0a * (d0a - mean_a); d1a = s1a * (d1a - mean_a); d2a = s2a * (d2a - mean_a); d3a = s3a * (d3a - mean_a);
    d0b = s0b * (d0b - mean_b); d1b = s1b * (d1b - mean_b); d2b = s2b * (d2b - mean_b); d3b = s3b * (d3b - mean_b);
    #unroll (n < HEAD_DIM_4) add_queries(n, rows);
  }

  let live = id < params.windows * params.heads * tiles;
  let stored = vec4<bool>(live) & (key < vec4u(tokens));
  let k_at = ((pixels(own) * 3u + 1u) * params.heads + head) * HEAD_DIM_4;
  let steps = params.head_dim / 4u;
  // Those of k, then those of v: half the stores to compile.
  for (var d = 0u; d < 2u * steps; d++) {
    #unroll (n < HEAD_DIM_4) pick_sums(n, d);
    let at = k_at + select(d, d - steps + params.heads * HEAD_DIM_4, d >= steps);
    let factor = select(params.scale, 1.0, d >= steps);
    if (stored.x) { out[at.x] = factor * r0; }
    if (stored.y) { out[at.y] = factor * r1; }
    if (stored.z) { out[at.z] = factor * r2; }
    if (stored.w) { out[at.w] = factor * r3; }
  }
}

// Log sum in powers of two, and mean, of a query.
fn chunk_known(query: Token, head: u32) -> vec4f {
  let known = statistics[query.pixel * params.heads + head];
  return vec4f(LOG2_E * known.x, known.y, 0.0, 0.0);
}

fn add_queries(n: u32, rows: Rows) {
  let q = x_columns(n, rows);
  k_sum0[n] += q.a * d0a + q.b * d0b;
  k_sum1[n] += q.a * d1a + q.b * d1b;
  k_sum2[n] += q.a * d2a + q.b * d2b;
  k_sum3[n] += q.a * d3a + q.b * d3b;
  let g = y_columns(n, rows);
  v_sum0[n] += g.a * s0a + g.b * s0b;
  v_sum1[n] += g.a * s1a + g.b * s1b;
  v_sum2[n] += g.a * s2a + g.b * s2b;
  v_sum3[n] += g.a * s3a + g.b * s3b;
}

// The sums of step d, if n is that step.
fn pick_sums(n: u32, d: u32) {
  pick(k_sum0[n], k_sum1[n], k_sum2[n], k_sum3[n], d == n);
  pick(v_sum0[n], v_sum1[n], v_sum2[n], v_sum3[n], d == n + HEAD_DIM_4);
}

fn pick(sum0: vec4f, sum1: vec4f, sum2: vec4f, sum3: vec4f, wanted: bool) {
  r0 = select(r0, sum0, wanted);
  r1 = select(r1, sum1, wanted);
  r2 = select(r2, sum2, wanted);
  r3 = select(r3, sum3, wanted);
}
