// partial_sums[group, head, tile, strip, step, 16] = Σ over the group's windows of change, the gradient of the score of a
// query with a key: weight · (gradient · v − mean), weight = exp(score − log sum), summed over pairs that share an entry
// of the table. A group is `per_group` windows in a row. And the part of out[pixel, part, head, d] that is the gradient of q:
// scale · Σ over keys of change · k, for which the changes need not be computed once more.
// qkv[pixel, part, head, d], part 0 q, 1 k, 2 v; table[(2·window − 1)², head]; gradient[pixel, head, d];
// statistics[pixel, head] = (log sum, mean). The head dimension is HEAD_DIM_4 vec4. The window is a multiple of 8.
//
// One workgroup is one subgroup of eight lanes. It goes over the windows of one group, with 32 queries of each: four
// window rows of a strip of eight columns (a tile), one column per lane. Keys come in window rows of the strips, as in
// ../window-attention/subgroup-chunk.wgsl, which also says how tiles and strips are numbered. No barriers.
//
// A row of eight queries and one of eight keys have 64 pairs on 15 diagonals, each one entry of the table. The next row
// of queries with the next row of keys has the same entries, so four sums are open at a time, move down by one with each
// row of keys, and are finished after four: what a strip's step s finishes is of rows tile_row + 3 − s apart. While a
// sum is open, it has a value per lane and key; when it is finished, these are shuffled to their diagonal, and the 15
// sums (entry 15 is none's) are added to what earlier windows left.
//
// Why: storing the changes of all pairs and adding them up later costs more than computing them.
//
// Numerics: f32, powers of two, windows and chunks of keys ascending. A group past the last window is not stored.

const LANES_HOLD_KEYS: bool = false;

// Open sums of the lane's queries, laid out as the scores are.
var<private> e0a: vec4f;
var<private> e0b: vec4f;
var<private> e1a: vec4f;
var<private> e1b: vec4f;
var<private> e2a: vec4f;
var<private> e2b: vec4f;
var<private> e3a: vec4f;
var<private> e3b: vec4f;

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let chunks = params.window * params.window / 8u;
  let tiles = chunks / 4u;
  let steps = params.window + 3u;
  let id = group.y * groups.x + group.x;
  let unit = id / tiles;
  let tile = id - unit * tiles;
  let head = unit % params.heads;
  let begin = unit / params.heads * params.per_group;
  let tokens = own_tokens(tile, lane);
  let sums_at = id * (params.window / 8u) * steps * 16u + lane;

  for (var window = begin; window < min(begin + params.per_group, params.windows); window++) {
    let place = place_of_window(window);
    let straddles = place.border_y + place.border_x > 0u;
    let own = own_at(place, tokens);
    load_own(own, head);
    let known = known_of(own, head);
    #unroll (n < HEAD_DIM_4) clear_sums(n);

    for (var chunk = 0u; chunk < chunks; chunk++) {
      let keys = chunk_at(place, chunk, lane);
      let rows = chunk_rows(keys, head);
      load_chunk(rows);
      set_terms(own, keys, chunk, rows, straddles, head, lane);
      set_changes(known[0], known[1]);
      #unroll (n < HEAD_DIM_4) add_keys(n, rows);
      e0a += d0a; e1a += d1a; e2a += d2a; e3a += d3a;
      e0b += d0b; e1b += d1b; e2b += d2b; e3b += d3b;

      // The last row of a strip finishes all four.
      let row = chunk % params.window;
      let end = select(row + 1u, steps, row + 1u == params.window);
      for (var step = row; step < end; step++) {
        let near = diagonals(lane, 0u);
        let far = diagonals(lane, 8u);
        let at = sums_at + ((chunk / params.window) * steps + step) * 16u;
        if (window == begin) {
          partial_sums[at] = near;
          partial_sums[at + 8u] = far;
        } else {
          partial_sums[at] += near;
          partial_sums[at + 8u] += far;
        }
        e3a = e2a; e2a = e1a; e1a = e0a; e0a = vec4f();
        e3b = e2b; e2b = e1b; e1b = e0b; e0b = vec4f();
      }
    }
    store_sums(own, head, vec4<bool>(true));
  }
}

// Of the sums that are finished, diagonal first + lane: Σ over keys of what lane diagonal + key − 7 has with that key.
fn diagonals(lane: u32, first: u32) -> f32 {
  return on_diagonal(e3a.x, lane, first, 0u) + on_diagonal(e3a.y, lane, first, 1u)
    + on_diagonal(e3a.z, lane, first, 2u) + on_diagonal(e3a.w, lane, first, 3u)
    + on_diagonal(e3b.x, lane, first, 4u) + on_diagonal(e3b.y, lane, first, 5u)
    + on_diagonal(e3b.z, lane, first, 6u) + on_diagonal(e3b.w, lane, first, 7u);
}

fn on_diagonal(value: f32, lane: u32, first: u32, key: u32) -> f32 {
  let query = first + lane + key - 7u;
  let moved = subgroupShuffle(value, query % 8u);
  return select(0.0, moved, query < 8u);
}
