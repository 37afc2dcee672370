// The part of out[pixel, part, head, d] that is the gradient of q: scale · Σ over keys of change · k, where
// change = weight · (gradient · v − mean) is the gradient of the score, weight = exp(score − log sum).
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean). The head dimension is HEAD_DIM_4 vec4.
//
// One workgroup is one subgroup of SUBGROUP_SIZE ≥ 4 lanes and computes 4·SUBGROUP_SIZE queries of one window and
// head, four per lane, with q, gradient and the sums in registers; keys come in chunks of eight, whose rows are loaded
// once and handed round. Why: see ../window-attention/subgroup.wgsl. No barriers.
//
// Numerics: f32, powers of two, chunks of keys ascending. Queries past the window's last one are not stored; keys past
// it are the last once more and weigh 0.

const LANES_HOLD_KEYS: bool = false;

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
  let known = known_of(own, head);

  for (var chunk = 0u; chunk < chunks; chunk++) {
    let keys = chunk_at(place, chunk, lane);
    let rows = chunk_rows(keys, head);
    load_chunk(rows);
    set_terms(own, keys, chunk, rows, straddles, head, lane);
    set_changes(known[0], known[1]);
    #unroll (n < HEAD_DIM_4) add_keys(n, rows);
  }

  let live = id < params.windows * params.heads * tiles;
  store_sums(own, head, vec4<bool>(live) & (query < vec4u(tokens)));
}
