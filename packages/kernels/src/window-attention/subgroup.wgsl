// Attention inside the windows of an image, with cyclic shift, as in SwinIR; geometry.wgsl says where windows lie.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; out[pixel, head, d]; with LOG_SUMS also
// log_sums[pixel, head] = log Σ exp(score), for the backward pass: then the host binds all of qkv, and no base is added. The head dimension is HEAD_DIM_4 vec4.
//
// One workgroup is one subgroup of SUBGROUP_SIZE ≥ 4 lanes and computes 4·SUBGROUP_SIZE queries of one window and
// head, four per lane, with q and the sums in registers. Keys come in chunks of eight: each lane loads the k and v
// rows of one key (two where the subgroup has four lanes) and the rows are handed round with subgroupBroadcast, so
// that a row is loaded once per chunk and not once per lane. No barriers.
//
// Why: software Vulkan drivers turn a load whose address differs between lanes into one scalar load per lane. Steps
// over the head dimension are written out up to 8, since SwiftShader keeps an array in registers only where its index
// is a constant. But what lavapipe takes longest to compile is loads, so there they stand in loops of a
// length that it does not know, and select() puts what they bring into the right register.
//
// Chunks, biases and masks: subgroup-chunk.wgsl.
//
// Numerics: f32. The softmax is in powers of two (scale, bias and mask are multiplied by log₂e) and online: the sums
// are rescaled with each chunk's maximum. Queries past the window's last one are not stored; keys past it
// are the last once more and weigh 2^-1e30 = 0.

const LANES_HOLD_KEYS: bool = false;
const LN_2: f32 = 0.6931471805599453;

// The lane's four queries and their sums over the keys so far.
var<private> q0: array<vec4f, HEAD_DIM_4>;
var<private> q1: array<vec4f, HEAD_DIM_4>;
var<private> q2: array<vec4f, HEAD_DIM_4>;
var<private> q3: array<vec4f, HEAD_DIM_4>;
var<private> o0: array<vec4f, HEAD_DIM_4>;
var<private> o1: array<vec4f, HEAD_DIM_4>;
var<private> o2: array<vec4f, HEAD_DIM_4>;
var<private> o3: array<vec4f, HEAD_DIM_4>;
// The rows of the lane's key, unless it has two.
var<private> k: array<vec4f, HEAD_DIM_4>;
var<private> v: array<vec4f, HEAD_DIM_4>;
// One step of the sums of each query.
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
  let id = group.y * groups.x + group.x;
  let unit = id / tiles;
  let head = unit % params.heads;
  let place = place_of_window(unit / params.heads);
  let straddles = place.border_y + place.border_x > 0u;

  let query = own_tokens(id - unit * tiles, lane);
  let t0 = token_at(place, query.x);
  let t1 = token_at(place, query.y);
  let t2 = token_at(place, query.z);
  let t3 = token_at(place, query.w);
  let pixel = vec4u(t0.pixel, t1.pixel, t2.pixel, t3.pixel);

  let row = 3u * params.heads * HEAD_DIM_4;
  let q_part = params.qkv_base + head * HEAD_DIM_4;
  let k_part = q_part + params.heads * HEAD_DIM_4;
  let v_part = k_part + params.heads * HEAD_DIM_4;
  let q_at = vec4u(q_part) + row * pixel;
  let scale = params.scale * LOG2_E;
  // HEAD_DIM_4, which the compiler must not see.
  let steps = params.head_dim / 4u;
  for (var d = 0u; d < steps; d++) {
    let own0 = scale * qkv[q_at.x + d];
    let own1 = scale * qkv[q_at.y + d];
    let own2 = scale * qkv[q_at.z + d];
    let own3 = scale * qkv[q_at.w + d];
    #unroll (n < HEAD_DIM_4) set_queries(n, d, own0, own1, own2, own3);
  }
  var largest = vec4f(NEVER);
  var total = vec4f();

  let chunks = (tokens + 7u) / 8u;
  for (var chunk = 0u; chunk < chunks; chunk++) {
    let keys = chunk_at(place, chunk, lane);
    let k_a = k_part + row * keys.a.pixel;
    let k_b = k_part + row * keys.b.pixel;
    let v_a = v_part + row * keys.a.pixel;
    let v_b = v_part + row * keys.b.pixel;
    if (!TWO_ROWS) {
      for (var d = 0u; d < steps; d++) {
        let own_k = qkv[k_a + d];
        let own_v = qkv[v_a + d];
        #unroll (n < HEAD_DIM_4) set_rows(n, d, own_k, own_v);
      }
    }

    s0a = vec4f(); s1a = vec4f(); s2a = vec4f(); s3a = vec4f();
    s0b = vec4f(); s1b = vec4f(); s2b = vec4f(); s3b = vec4f();
    #unroll (n < HEAD_DIM_4) add_scores(n, k_a, k_b);

    add_biases(t0, t1, t2, t3, keys, chunk, head, lane);
    if (!ALIGNED || straddles) { add_masks(t0, t1, t2, t3, keys); }

    let now = max(largest, vec4f(top(s0a, s0b), top(s1a, s1b), top(s2a, s2b), top(s3a, s3b)));
    let keep = exp2(largest - now);
    largest = now;
    s0a = exp2(s0a - now.x); s1a = exp2(s1a - now.y); s2a = exp2(s2a - now.z); s3a = exp2(s3a - now.w);
    s0b = exp2(s0b - now.x); s1b = exp2(s1b - now.y); s2b = exp2(s2b - now.z); s3b = exp2(s3b - now.w);
    let one = vec4f(1.0);
    let sums = vec4f(dot(s0a + s0b, one), dot(s1a + s1b, one), dot(s2a + s2b, one), dot(s3a + s3b, one));
    total = total * keep + sums;

    #unroll (n < HEAD_DIM_4) add_values(n, v_a, v_b, keep);
  }

  let out_at = vec4u(params.out_base + head * HEAD_DIM_4) + params.heads * HEAD_DIM_4 * pixel;
  let live = id < params.windows * params.heads * tiles;
  let stored = vec4<bool>(live) & (query < vec4u(tokens));
  let share = 1.0 / total;
  for (var d = 0u; d < steps; d++) {
    #unroll (n < HEAD_DIM_4) pick_sums(n, d);
    if (stored.x) { out[out_at.x + d] = r0 * share.x; }
    if (stored.y) { out[out_at.y + d] = r1 * share.y; }
    if (stored.z) { out[out_at.z + d] = r2 * share.z; }
    if (stored.w) { out[out_at.w + d] = r3 * share.w; }
  }
#if ${LOG_SUMS}
  let sum_at = pixel * params.heads + head;
  let log_sum = LN_2 * (largest + log2(total));
  if (stored.x) { log_sums[sum_at.x] = log_sum.x; }
  if (stored.y) { log_sums[sum_at.y] = log_sum.y; }
  if (stored.z) { log_sums[sum_at.z] = log_sum.z; }
  if (stored.w) { log_sums[sum_at.w] = log_sum.w; }
#endif
}

// Keeps what step d has loaded if n is that step.
fn set_queries(n: u32, d: u32, own0: vec4f, own1: vec4f, own2: vec4f, own3: vec4f) {
  q0[n] = select(q0[n], own0, d == n);
  q1[n] = select(q1[n], own1, d == n);
  q2[n] = select(q2[n], own2, d == n);
  q3[n] = select(q3[n], own3, d == n);
}

fn set_rows(n: u32, d: u32, own_k: vec4f, own_v: vec4f) {
  k[n] = select(k[n], own_k, d == n);
  v[n] = select(v[n], own_v, d == n);
}

fn add_scores(n: u32, row_a: u32, row_b: u32) {
  var own_a = k[n];
  var own_b = own_a;
  if (TWO_ROWS) { own_a = qkv[row_a + n]; own_b = qkv[row_b + n]; }
  let a = rows_0_to_3(own_a);
  let b = rows_4_to_7(own_b);
  s0a += q0[n] * a; s1a += q1[n] * a; s2a += q2[n] * a; s3a += q3[n] * a;
  s0b += q0[n] * b; s1b += q1[n] * b; s2b += q2[n] * b; s3b += q3[n] * b;
}

fn add_values(n: u32, row_a: u32, row_b: u32, keep: vec4f) {
  var own_a = v[n];
  var own_b = own_a;
  if (TWO_ROWS) { own_a = qkv[row_a + n]; own_b = qkv[row_b + n]; }
  let a = rows_0_to_3(own_a);
  let b = rows_4_to_7(own_b);
  o0[n] = o0[n] * keep.x + a * s0a + b * s0b;
  o1[n] = o1[n] * keep.y + a * s1a + b * s1b;
  o2[n] = o2[n] * keep.z + a * s2a + b * s2b;
  o3[n] = o3[n] * keep.w + a * s3a + b * s3b;
}

// The sums of step d, if n is that step.
fn pick_sums(n: u32, d: u32) {
  r0 = select(r0, o0[n], d == n);
  r1 = select(r1, o1[n], d == n);
  r2 = select(r2, o2[n], d == n);
  r3 = select(r3, o3[n], d == n);
}

fn top(a: vec4f, b: vec4f) -> f32 {
  let m = max(a, b);
  return max(max(m.x, m.y), max(m.z, m.w));
}
