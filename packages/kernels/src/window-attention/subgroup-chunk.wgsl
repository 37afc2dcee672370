// What the kernels of one subgroup per workgroup share, forward and backward: each lane has four tokens of a window and
// the subgroup goes over the window's tokens in chunks of eight. Each lane loads what belongs to one token of the chunk
// (two where the subgroup has four lanes) and the values are handed round with subgroupBroadcast. Here are the tokens
// of a chunk, the broadcasts, and the scores of the lane's tokens with a chunk: biases and masks.
//
// A kernel says with LANES_HOLD_KEYS whether the lanes' tokens are keys and the chunk's queries, or the reverse.
//
// ALIGNED: the window is a multiple of 8. With eight lanes, chunks are then taken down strips of eight columns, and a
// lane's tokens lie below each other in such a strip. So the 64 biases of a row of the lanes' tokens with a chunk are 15
// neighbours in the table (two loads and eight shuffles), and those of the next row with the next chunk are the same:
// per chunk one row of biases is new, the others move down by one.
//
// Numerics: scores are in powers of two: products, biases and masks are multiplied by log₂e.

const LOG2_E: f32 = 1.4426950408889634;
const MASK: f32 = -100.0 * LOG2_E;
const NEVER: f32 = -1e30;
const PAST_THE_END: u32 = 4u;
const STRIPS: bool = ALIGNED && SUBGROUP_SIZE == 8u;
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

// Where chunks go down strips: the biases of the lane's tokens with the last chunk, laid out as the scores are.
var<private> b0a: vec4f;
var<private> b0b: vec4f;
var<private> b1a: vec4f;
var<private> b1b: vec4f;
var<private> b2a: vec4f;
var<private> b2b: vec4f;
var<private> b3a: vec4f;
var<private> b3b: vec4f;

// The lane's four tokens, by their number in the window.
fn own_tokens(tile: u32, lane: u32) -> vec4u {
  let four = vec4u(0u, 1u, 2u, 3u);
  if (STRIPS) {
    let strips = params.window / 8u;
    return vec4u(4u * (tile / strips) * params.window + 8u * (tile % strips) + lane) + params.window * four;
  }
  return vec4u(tile * 4u * SUBGROUP_SIZE + lane) + SUBGROUP_SIZE * four;
}

// What a lane loads of a chunk. The regions of tokens past the window's last are PAST_THE_END, their pixel is the last.
struct Chunk {
  a: Token,
  // Where the lane has two: four tokens on.
  b: Token,
}

fn chunk_at(place: Place, number: u32, lane: u32) -> Chunk {
  let tokens = params.window * params.window;
  var first = 8u * number;
  if (STRIPS) { first = number % params.window * params.window + 8u * (number / params.window); }
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

// Adds the biases of the lane's tokens with those of the chunk to the scores. Chunks come in order.
fn add_biases(t0: Token, t1: Token, t2: Token, t3: Token, chunk: Chunk, number: u32, head: u32, lane: u32) {
  if (STRIPS) {
    // A strip's first chunk finds the biases of three chunks above it missing.
    let row = number % params.window;
    for (var above = select(0u, 3u, row == 0u); above < 4u; above--) {
      b3a = b2a; b2a = b1a; b1a = b0a;
      b3b = b2b; b2b = b1b; b1b = b0b;
      let first = (row - above) * (2u * params.window - 1u) + 8u * (number / params.window);
      let new_row = neighbours(t0, first, head, lane);
      b0a = new_row[0];
      b0b = new_row[1];
    }
    s0a += b0a; s1a += b1a; s2a += b2a; s3a += b3a;
    s0b += b0b; s1b += b1b; s2b += b2b; s3b += b3b;
  } else {
    let offsets_a = numbers_0_to_3(chunk.a.offset);
    let offsets_b = numbers_4_to_7(select(chunk.a.offset, chunk.b.offset, TWO_ROWS));
    s0a += biases(t0, offsets_a, head); s1a += biases(t1, offsets_a, head);
    s2a += biases(t2, offsets_a, head); s3a += biases(t3, offsets_a, head);
    s0b += biases(t0, offsets_b, head); s1b += biases(t1, offsets_b, head);
    s2b += biases(t2, offsets_b, head); s3b += biases(t3, offsets_b, head);
  }
}

fn biases(own: Token, offsets: vec4u, head: u32) -> vec4f {
  var entry = vec4u(own.offset + table_centre()) - offsets;
  if (LANES_HOLD_KEYS) { entry = offsets + vec4u(table_centre() - own.offset); }
  let at = entry * params.heads + head;
  return LOG2_E * vec4f(table[at.x], table[at.y], table[at.z], table[at.w]);
}

// Of a row of the lanes' tokens with eight that lie in one window row, the first at this offset (modulo 2³²).
fn neighbours(own: Token, first: u32, head: u32, lane: u32) -> array<vec4f, 2> {
  // From one lane to the next, the entries go up where lanes hold queries and down where they hold keys.
  var near_at = own.offset + table_centre() - first - 7u;
  var far_at = min(near_at + 8u, 2u * table_centre());
  if (LANES_HOLD_KEYS) {
    near_at = first + table_centre() + 7u - own.offset;
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
