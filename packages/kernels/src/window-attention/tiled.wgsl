// Attention inside the windows of an image, with cyclic shift, as in SwinIR; geometry.wgsl says where windows lie.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; out[pixel, head, d]; with LOG_SUMS also
// log_sums[pixel, head] = log Σ exp(score), for the backward pass: then the host binds all of qkv, and no base is added. The head dimension is HEAD_DIM_4 vec4.
//
// One invocation computes one query of one head, with q and the sums in registers, over up to four keys of a window
// row at a time. No subgroups, no workgroup memory, no barriers: runs on every device. Invocations beside each other
// read the same k and v rows, so that a GPU's cache serves them with one access.
//
// Steps over the head dimension are written out up to 8, since some drivers (SwiftShader) keep an array in registers
// only where its index is a constant. Keys are looped over, since others (lavapipe) are slow to compile loads.
//
// Numerics: f32. The softmax is in powers of two (scale, bias and mask are multiplied by log₂e) and online: the sums
// are rescaled with each group's maximum. A group's missing keys, where the window is not a multiple of 4, weigh
// 2^-1e30 = 0. Invocations past the last query store nothing.

const LOG2_E: f32 = 1.4426950408889634;
const LN_2: f32 = 0.6931471805599453;
const MASK: f32 = -100.0 * LOG2_E;
const NEVER: f32 = -1e30;

var<private> q: array<vec4f, HEAD_DIM_4>;
var<private> sum: array<vec4f, HEAD_DIM_4>;
// Score of the query with a key.
var<private> score: f32;

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
  let q_at = params.qkv_base + own.pixel * row + head * HEAD_DIM_4;
  let k_part = params.qkv_base + (params.heads + head) * HEAD_DIM_4;
  let v_part = k_part + params.heads * HEAD_DIM_4;
  let scale = params.scale * LOG2_E;
  #unroll (n < HEAD_DIM_4) load_query(n, q_at, scale);
  var largest = NEVER;
  var total = 0.0;

  let places = vec4u(0u, 1u, 2u, 3u);
  for (var y = 0u; y < params.window; y++) {
    for (var x = 0u; x < params.window; x += 4u) {
      let end = min(x + 4u, params.window);
      var weights = vec4f(NEVER);
      var v = vec4u();
      for (var at = x; at < end; at++) {
        let key = token_at(place, y * params.window + at);
        let k = k_part + row * key.pixel;
        score = table[(own.offset + table_centre() - key.offset) * params.heads + head] * LOG2_E;
        score += select(0.0, MASK, key.region != own.region);
        #unroll (n < HEAD_DIM_4) add_score(n, k);
        weights = select(weights, vec4f(score), places == vec4u(at - x));
        v = select(v, vec4u(v_part + row * key.pixel), places == vec4u(at - x));
      }

      let now = max(largest, max(max(weights.x, weights.y), max(weights.z, weights.w)));
      let keep = exp2(largest - now);
      weights = exp2(weights - now);
      largest = now;
      total = total * keep + dot(weights, vec4f(1.0));
      #unroll (n < HEAD_DIM_4) rescale(n, keep);
      for (var at = x; at < end; at++) {
        #unroll (n < HEAD_DIM_4) add_value(n, v[at - x], weights[at - x]);
      }
    }
  }

  if (query < queries) {
    let out_at = params.out_base + (own.pixel * params.heads + head) * HEAD_DIM_4;
    #unroll (n < HEAD_DIM_4) store(n, out_at, total);
#if ${LOG_SUMS}
    log_sums[own.pixel * params.heads + head] = LN_2 * (largest + log2(total));
#endif
  }
}

fn load_query(n: u32, at: u32, scale: f32) {
  q[n] = qkv[at + n] * scale;
}

fn add_score(n: u32, at: u32) {
  score += dot(q[n], qkv[at + n]);
}

fn rescale(n: u32, keep: f32) {
  sum[n] *= keep;
}

fn add_value(n: u32, at: u32, weight: f32) {
  sum[n] += weight * qkv[at + n];
}

fn store(n: u32, at: u32, total: f32) {
  out[at + n] = sum[n] / total;
}
