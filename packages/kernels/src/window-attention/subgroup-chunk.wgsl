// What the kernels of one subgroup per workgroup share, forward and backward: each lane has four tokens of a window and
// the subgroup goes over the window's tokens in chunks of eight. Each lane loads what belongs to one token of the chunk
// (two where the subgroup has four lanes) and the values are handed round with subgroupBroadcast. Here are the tokens
// of a chunk, the broadcasts, and the scores of the lane's tokens with a chunk: biases and masks.
//
// A kernel says with LANES_HOLD_KEYS whether the lanes' tokens are keys and the chunk's queries, or the reverse.
//
// ALIGNED: the window is a multiple of 8. With eight lanes, a chunk and the lanes' tokens then each lie in one window
// row, and their 64 biases are 15 neighbours in the table: two loads and eight shuffles.
//
// Numerics: scores are in powers of two: products, biases and masks are multiplied by log₂e.

const LOG2_E: f32 = 1.4426950408889634;
const MASK: f32 = -100.0 * LOG2_E;
const NEVER: f32 = -1e30;
const PAST_THE_END: u32 = 4u;
const NEIGHBOURS: bool = ALIGNED && SUBGROUP_SIZE == 8u;
const TWO_ROWS: bool = SUBGROUP_SIZE < 8u;
// Which lane holds tokens 4–7 of a chunk: from this one on.
const FIFTH: u32 = select(4u, 0u, TWO_ROWS);

// Scores of the chunk: s0a of the lane's first token with tokens 0–3, s0b with tokens 4–7, and so on.
var<private> s0a: vec4f;
var<private> s0b: vec4f;
var<private> s1a: vec4f;
var<private> s1b: vec4f;
var<private> s2a: vec4f;
var<private> s2b: vec4f;
var<private> s3a: vec4f;
var<private> s3b: vec4f;

// What a lane loads of a chunk. The regions of tokens past the window's last are PAST_THE_END, their pixel is the last.
struct Chunk {
  a: Token,
  // Where the lane has two: four tokens on.
  b: Token,
}

fn chunk_at(place: Place, first: u32, lane: u32) -> Chunk {
  let tokens = params.window * params.window;
  let a = first + lane % 8u;
  let b = a + 4u;
  var chunk = Chunk(token_at(place, min(a, tokens - 1u)), token_at(place, min(b, tokens - 1u)));
  chunk.a.region = select(PAST_THE_END, chunk.a.region, a < tokens);
  chunk.b.region = select(PAST_THE_END, chunk.b.region, b < tokens);
  return chunk;
}

// One column per token of the chunk: the vec4 of its row that its lane has loaded.
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

// Adds the biases of the lane's tokens with those of the chunk to the scores.
fn add_biases(t0: Token, t1: Token, t2: Token, t3: Token, chunk: Chunk, head: u32, lane: u32) {
  let offsets_a = numbers_0_to_3(chunk.a.offset);
  let offsets_b = numbers_4_to_7(select(chunk.a.offset, chunk.b.offset, TWO_ROWS));
  let b0 = biases(t0, offsets_a, offsets_b, head, lane);
  let b1 = biases(t1, offsets_a, offsets_b, head, lane);
  let b2 = biases(t2, offsets_a, offsets_b, head, lane);
  let b3 = biases(t3, offsets_a, offsets_b, head, lane);
  s0a += b0[0]; s1a += b1[0]; s2a += b2[0]; s3a += b3[0];
  s0b += b0[1]; s1b += b1[1]; s2b += b2[1]; s3b += b3[1];
}

// Of one token of this lane with those of the chunk.
fn biases(own: Token, offsets_a: vec4u, offsets_b: vec4u, head: u32, lane: u32) -> array<vec4f, 2> {
  if (NEIGHBOURS) {
    // From one lane to the next, the entries go up where lanes hold queries and down where they hold keys.
    var near_at = own.offset + table_centre() - offsets_a.x - 7u;
    var far_at = min(near_at + 8u, 2u * table_centre());
    if (LANES_HOLD_KEYS) {
      near_at = offsets_a.x + table_centre() + 7u - own.offset;
      far_at = max(near_at, 8u) - 8u;
    }
    let near = LOG2_E * table[near_at * params.heads + head];
    let far = LOG2_E * table[far_at * params.heads + head];
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
  let centre = vec4u(table_centre());
  var a = vec4u(own.offset) + centre - offsets_a;
  var b = vec4u(own.offset) + centre - offsets_b;
  if (LANES_HOLD_KEYS) {
    a = offsets_a + centre - own.offset;
    b = offsets_b + centre - own.offset;
  }
  a = a * params.heads + head;
  b = b * params.heads + head;
  return array<vec4f, 2>(
    LOG2_E * vec4f(table[a.x], table[a.y], table[a.z], table[a.w]),
    LOG2_E * vec4f(table[b.x], table[b.y], table[b.z], table[b.w]),
  );
}

// `near` and `far` hold 16 neighbours, entry e in lane e % 8; lane l wants entry l + 7 − token.
fn neighbour(near: f32, far: f32, lane: u32, token: u32) -> f32 {
  return subgroupShuffle(select(far, near, lane + token >= 7u), (lane + 7u - token) % 8u);
}

// Adds −100 where regions differ and leaves no weight to the chunk's tokens past the window's last one. Needed where
// the window straddles the image's edge or is not a multiple of 8.
fn add_masks(t0: Token, t1: Token, t2: Token, t3: Token, chunk: Chunk) {
  let a = numbers_0_to_3(chunk.a.region);
  let b = numbers_4_to_7(select(chunk.a.region, chunk.b.region, TWO_ROWS));
  s0a += masks(t0, a); s1a += masks(t1, a); s2a += masks(t2, a); s3a += masks(t3, a);
  s0b += masks(t0, b); s1b += masks(t1, b); s2b += masks(t2, b); s3b += masks(t3, b);
}

fn masks(own: Token, regions: vec4u) -> vec4f {
  let apart = select(vec4f(), vec4f(MASK), regions != vec4u(own.region));
  return select(apart, vec4f(NEVER), regions == vec4u(PAST_THE_END));
}
