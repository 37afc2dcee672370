// statistics[pixel, head] = (log Σ exp(score), Σ weight · (gradient · v)): per query, the logarithm that turns a score
// into its weight, exp(score − first), and the weighted mean that the softmax's derivative subtracts.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d]. The head
// dimension is HEAD_DIM_4 vec4.
//
// One workgroup is one subgroup of SUBGROUP_SIZE ≥ 4 lanes and computes 4·SUBGROUP_SIZE queries of one window and
// head, four per lane, with q and gradient in registers; keys come in chunks of eight, whose rows are loaded once and
// handed round. Why: see ../window-attention/subgroup.wgsl. No barriers.
//
// Numerics: f32, online softmax in powers of two: the sums are rescaled with each chunk's maximum. Queries past
// the window's last one are not stored; keys past it are the last once more and weigh 0.

const LANES_HOLD_KEYS: bool = false;
const LN_2: f32 = 0.6931471805599453;

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
  let query = own_tokens(id - unit * tiles, lane);
  let own = own_at(place, query);
  load_own(own, head);

  var largest = vec4f(NEVER);
  var total = vec4f();
  var mean = vec4f();
  for (var chunk = 0u; chunk < chunks; chunk++) {
    let keys = chunk_at(place, chunk, lane);
    let rows = chunk_rows(keys, head);
    load_chunk(rows);
    set_terms(own, keys, chunk, rows, straddles, head, lane);

    let now = max(largest, vec4f(top(s0a, s0b), top(s1a, s1b), top(s2a, s2b), top(s3a, s3b)));
    let keep = exp2(largest - now);
    largest = now;
    s0a = exp2(s0a - now.x); s1a = exp2(s1a - now.y); s2a = exp2(s2a - now.z); s3a = exp2(s3a - now.w);
    s0b = exp2(s0b - now.x); s1b = exp2(s1b - now.y); s2b = exp2(s2b - now.z); s3b = exp2(s3b - now.w);
    let one = vec4f(1.0);
    let sums = vec4f(dot(s0a + s0b, one), dot(s1a + s1b, one), dot(s2a + s2b, one), dot(s3a + s3b, one));
    total = total * keep + sums;
    let slopes = vec4f(
      dot(s0a, d0a) + dot(s0b, d0b), dot(s1a, d1a) + dot(s1b, d1b),
      dot(s2a, d2a) + dot(s2b, d2b), dot(s3a, d3a) + dot(s3b, d3b),
    );
    mean = mean * keep + slopes;
  }

  let live = id < params.windows * params.heads * tiles;
  let stored = vec4<bool>(live) & (query < vec4u(tokens));
  let at = pixels(own) * params.heads + head;
  let log_sum = LN_2 * (largest + log2(total));
  mean /= total;
  if (stored.x) { statistics[at.x] = vec2f(log_sum.x, mean.x); }
  if (stored.y) { statistics[at.y] = vec2f(log_sum.y, mean.y); }
  if (stored.z) { statistics[at.z] = vec2f(log_sum.z, mean.z); }
  if (stored.w) { statistics[at.w] = vec2f(log_sum.w, mean.w); }
}

fn top(a: vec4f, b: vec4f) -> f32 {
  let m = max(a, b);
  return max(max(m.x, m.y), max(m.z, m.w));
}
