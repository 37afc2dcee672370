// Attention inside the windows of an image, with cyclic shift, as in SwinIR; geometry.wgsl says where windows lie.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; out[pixel, head, d]; with LOG_SUMS also
// log_sums[pixel, head] = log Σ exp(score), for the backward pass: then the host binds all of qkv, and no base is added. The head
// dimension is HEAD_DIM_4 vec4.
//
// One workgroup is 32 invocations and computes 64 queries of one window and head, two per invocation, with q and the sums in
// registers. Keys and values, and what the bias and the mask ask of a key, are brought into workgroup memory 32 at a time.
//
// Why: on a hardware GPU each value that is read serves two queries, and a key's place in the image is worked out once per
// workgroup. Software adapters pay for every barrier.
//
// Loops over four keys are left to the compiler, which is expected to write them out: all written out take software adapters
// minutes to compile.
//
// Numerics: f32. The softmax is in powers of two (scale, bias and mask are multiplied by log₂e) and online: the sums
// are rescaled with the maximum of every four keys. Keys past the last one weigh 2^-1e30 = 0 and their values are not
// read. Queries past the last one are not stored.

const LOG2_E: f32 = 1.4426950408889634;
const LN_2: f32 = 0.6931471805599453;
const MASK: f32 = -100.0 * LOG2_E;
const NEVER: f32 = -1e30;
const QUERIES: u32 = 2u * WORKGROUP_X;
const CHUNK: u32 = WORKGROUP_X;

// Of a chunk: vec4 n of key i at [HEAD_DIM_4 · i + n]; a key's offset and region, and where k begins in qkv.
var<workgroup> keys: array<vec4f, CHUNK * HEAD_DIM_4>;
var<workgroup> values: array<vec4f, CHUNK * HEAD_DIM_4>;
var<workgroup> key_tokens: array<vec3u, CHUNK>;

// Of an invocation's two queries.
var<private> q: array<array<vec4f, HEAD_DIM_4>, 2>;
var<private> sum: array<array<vec4f, HEAD_DIM_4>, 2>;
var<private> weights: array<vec4f, 2>;
var<private> largest: vec2f = vec2f(NEVER);
var<private> total: vec2f;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tokens = params.window * params.window;
  let parts = (tokens + QUERIES - 1u) / QUERIES;
  let index = group.y * groups.x + group.x;
  let unit = index / parts;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let first_query = index % parts * QUERIES + local;
  let own = array(token_at(place, first_query), token_at(place, first_query + WORKGROUP_X));

  let row = 3u * params.heads * HEAD_DIM_4;
  let part = params.heads * HEAD_DIM_4;
  let q_part = params.qkv_base + head * HEAD_DIM_4;
  let scale = params.scale * LOG2_E;
  #unroll (n < HEAD_DIM_4) q[0][n] = qkv[q_part + own[0].pixel * row + n] * scale;
  #unroll (n < HEAD_DIM_4) q[1][n] = qkv[q_part + own[1].pixel * row + n] * scale;

  for (var first = 0u; first < tokens; first += CHUNK) {
    let own_key = token_at(place, first + local);
    key_tokens[local] = vec3u(own_key.offset, own_key.region, q_part + part + own_key.pixel * row);
    workgroupBarrier();
    for (var i = local; i < CHUNK * HEAD_DIM_4; i += WORKGROUP_X) {
      let at = key_tokens[i / HEAD_DIM_4].z + i % HEAD_DIM_4;
      keys[i] = qkv[at];
      values[i] = qkv[at + part];
    }
    workgroupBarrier();
    let count = min(CHUNK, tokens - first);
    for (var key = 0u; key < count; key += 4u) {
      weights = array(vec4f(NEVER), vec4f(NEVER));
      for (var n = 0u; n < 4u; n++) {
        if (key + n < count) { weigh(n, key + n, own[0], own[1], head); }
      }
      to_powers(0u);
      to_powers(1u);
      for (var n = 0u; n < 4u; n++) {
        if (key + n < count) { add_values(n, HEAD_DIM_4 * (key + n)); }
      }
    }
    workgroupBarrier();
  }

  let queries = min(tokens, select(0u, tokens, unit < params.windows * params.heads));
  store(0u, first_query < queries, own[0].pixel * params.heads + head);
  store(1u, first_query + WORKGROUP_X < queries, own[1].pixel * params.heads + head);
}

// The scores of both queries with one key, as component n of their weights.
fn weigh(n: u32, key: u32, first: Token, second: Token, head: u32) {
  weights[0][n] = bias(first, key_tokens[key], head);
  weights[1][n] = bias(second, key_tokens[key], head);
  #unroll (m < HEAD_DIM_4) add_scores(n, m, keys[HEAD_DIM_4 * key + m]);
}

fn bias(query: Token, key: vec3u, head: u32) -> f32 {
  let entry = table[(query.offset + table_centre() - key.x) * params.heads + head];
  return entry * LOG2_E + select(0.0, MASK, key.y != query.region);
}

fn add_scores(n: u32, m: u32, key: vec4f) {
  weights[0][n] += dot(q[0][m], key);
  weights[1][n] += dot(q[1][m], key);
}

// Makes the scores of a query their powers of two over the largest so far.
fn to_powers(query: u32) {
  let scores = weights[query];
  let now = max(largest[query], max(max(scores.x, scores.y), max(scores.z, scores.w)));
  let keep = exp2(largest[query] - now);
  weights[query] = exp2(scores - now);
  largest[query] = now;
  total[query] = total[query] * keep + dot(weights[query], vec4f(1.0));
  #unroll (m < HEAD_DIM_4) sum[query][m] *= keep;
}

fn add_values(n: u32, at: u32) {
  #unroll (m < HEAD_DIM_4) add_value(m, values[at + m], weights[0][n], weights[1][n]);
}

fn add_value(m: u32, value: vec4f, first: f32, second: f32) {
  sum[0][m] += first * value;
  sum[1][m] += second * value;
}

fn store(query: u32, exists: bool, at: u32) {
  if (exists) {
    #unroll (m < HEAD_DIM_4) out[params.out_base + at * HEAD_DIM_4 + m] = sum[query][m] / total[query];
#if ${LOG_SUMS}
    log_sums[at] = LN_2 * (largest[query] + log2(total[query]));
#endif
  }
}
