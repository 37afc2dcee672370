// The products of rows that the backward kernels of one subgroup per workgroup start from: of the lane's four tokens
// with a chunk of eight, x rows (q and k) give scores, y rows (gradient and v) give slopes. Where LANES_HOLD_KEYS, the
// lane's rows are k and v and the chunk's q and gradient, else the reverse.
// See ../window-attention/subgroup-chunk.wgsl for chunks and ../window-attention/subgroup.wgsl for why steps over the
// head dimension are written out while loads stand in loops.

// Of the lane's tokens; x times scale · log₂e.
var<private> x0: array<vec4f, HEAD_DIM_4>;
var<private> x1: array<vec4f, HEAD_DIM_4>;
var<private> x2: array<vec4f, HEAD_DIM_4>;
var<private> x3: array<vec4f, HEAD_DIM_4>;
var<private> y0: array<vec4f, HEAD_DIM_4>;
var<private> y1: array<vec4f, HEAD_DIM_4>;
var<private> y2: array<vec4f, HEAD_DIM_4>;
var<private> y3: array<vec4f, HEAD_DIM_4>;
// Of the chunk: what this lane loads of it, unless it has two rows.
var<private> chunk_x: array<vec4f, HEAD_DIM_4>;
var<private> chunk_y: array<vec4f, HEAD_DIM_4>;
// Slopes, gradient · v, laid out as the scores are.
var<private> d0a: vec4f;
var<private> d0b: vec4f;
var<private> d1a: vec4f;
var<private> d1b: vec4f;
var<private> d2a: vec4f;
var<private> d2b: vec4f;
var<private> d3a: vec4f;
var<private> d3b: vec4f;

// The lane's four tokens.
struct Own {
  t0: Token,
  t1: Token,
  t2: Token,
  t3: Token,
}

// Rows of a token, or of the two that a lane of a small subgroup has of a chunk, in vec4.
struct Rows {
  x_a: u32,
  x_b: u32,
  y_a: u32,
  y_b: u32,
}

// The eight rows of a chunk, one per column.
struct Columns {
  a: mat4x4f,
  b: mat4x4f,
}

fn own_at(place: Place, tokens: vec4u) -> Own {
  return Own(
    token_at(place, tokens.x), token_at(place, tokens.y),
    token_at(place, tokens.z), token_at(place, tokens.w),
  );
}

fn pixels(own: Own) -> vec4u {
  return vec4u(own.t0.pixel, own.t1.pixel, own.t2.pixel, own.t3.pixel);
}

// Of q (part 0), k (1) or v (2).
fn qkv_row(pixel: u32, part: u32, head: u32) -> u32 {
  return ((pixel * 3u + part) * params.heads + head) * HEAD_DIM_4;
}

fn gradient_row(pixel: u32, head: u32) -> u32 {
  return (pixel * params.heads + head) * HEAD_DIM_4;
}

fn chunk_rows(chunk: Chunk, head: u32) -> Rows {
  if (LANES_HOLD_KEYS) {
    return Rows(
      qkv_row(chunk.a.pixel, 0u, head), qkv_row(chunk.b.pixel, 0u, head),
      gradient_row(chunk.a.pixel, head), gradient_row(chunk.b.pixel, head),
    );
  }
  return Rows(
    qkv_row(chunk.a.pixel, 1u, head), qkv_row(chunk.b.pixel, 1u, head),
    qkv_row(chunk.a.pixel, 2u, head), qkv_row(chunk.b.pixel, 2u, head),
  );
}

fn own_y(at: u32) -> vec4f {
  if (LANES_HOLD_KEYS) { return qkv[at]; }
  return gradient[at];
}

fn chunk_y_at(at: u32) -> vec4f {
  if (LANES_HOLD_KEYS) { return gradient[at]; }
  return qkv[at];
}

fn load_own(own: Own, head: u32) {
  let scale = params.scale * LOG2_E;
  let pixel = pixels(own);
  let x_part = select(0u, 1u, LANES_HOLD_KEYS);
  let x_at = ((pixel * 3u + x_part) * params.heads + head) * HEAD_DIM_4;
  var y_at = (pixel * params.heads + head) * HEAD_DIM_4;
  if (LANES_HOLD_KEYS) { y_at = x_at + params.heads * HEAD_DIM_4; }
  // HEAD_DIM_4, which the compiler must not see.
  let steps = params.head_dim / 4u;
  for (var d = 0u; d < steps; d++) {
    let x = mat4x4f(scale * qkv[x_at.x + d], scale * qkv[x_at.y + d], scale * qkv[x_at.z + d], scale * qkv[x_at.w + d]);
    let y = mat4x4f(own_y(y_at.x + d), own_y(y_at.y + d), own_y(y_at.z + d), own_y(y_at.w + d));
    #unroll (n < HEAD_DIM_4) set_own(n, d, x, y);
  }
}

// Keeps what step d has loaded if n is that step.
fn set_own(n: u32, d: u32, x: mat4x4f, y: mat4x4f) {
  x0[n] = select(x0[n], x[0], d == n);
  x1[n] = select(x1[n], x[1], d == n);
  x2[n] = select(x2[n], x[2], d == n);
  x3[n] = select(x3[n], x[3], d == n);
  y0[n] = select(y0[n], y[0], d == n);
  y1[n] = select(y1[n], y[1], d == n);
  y2[n] = select(y2[n], y[2], d == n);
  y3[n] = select(y3[n], y[3], d == n);
}

fn load_chunk(rows: Rows) {
  if (TWO_ROWS) { return; }
  let steps = params.head_dim / 4u;
  for (var d = 0u; d < steps; d++) {
    let x = qkv[rows.x_a + d];
    let y = chunk_y_at(rows.y_a + d);
    #unroll (n < HEAD_DIM_4) set_chunk(n, d, x, y);
  }
}

fn set_chunk(n: u32, d: u32, x: vec4f, y: vec4f) {
  chunk_x[n] = select(chunk_x[n], x, d == n);
  chunk_y[n] = select(chunk_y[n], y, d == n);
}

// The chunk's x rows, step n.
fn x_columns(n: u32, rows: Rows) -> Columns {
  if (TWO_ROWS) { return Columns(rows_0_to_3(qkv[rows.x_a + n]), rows_4_to_7(qkv[rows.x_b + n])); }
  return Columns(rows_0_to_3(chunk_x[n]), rows_4_to_7(chunk_x[n]));
}

fn y_columns(n: u32, rows: Rows) -> Columns {
  if (TWO_ROWS) { return Columns(rows_0_to_3(chunk_y_at(rows.y_a + n)), rows_4_to_7(chunk_y_at(rows.y_b + n))); }
  return Columns(rows_0_to_3(chunk_y[n]), rows_4_to_7(chunk_y[n]));
}

// Scores, biases and masks included, and slopes of the lane's tokens with the chunk whose rows are loaded.
fn set_terms(own: Own, chunk: Chunk, number: u32, rows: Rows, masked: bool, head: u32, lane: u32) {
  s0a = vec4f(); s1a = vec4f(); s2a = vec4f(); s3a = vec4f();
  s0b = vec4f(); s1b = vec4f(); s2b = vec4f(); s3b = vec4f();
  d0a = vec4f(); d1a = vec4f(); d2a = vec4f(); d3a = vec4f();
  d0b = vec4f(); d1b = vec4f(); d2b = vec4f(); d3b = vec4f();
  #unroll (n < HEAD_DIM_4) add_products(n, rows);
  add_biases(own.t0, own.t1, own.t2, own.t3, chunk, number, head, lane);
  if (!ALIGNED || masked) { add_masks(own.t0, own.t1, own.t2, own.t3, chunk); }
}

fn add_products(n: u32, rows: Rows) {
  let x = x_columns(n, rows);
  s0a += x0[n] * x.a; s1a += x1[n] * x.a; s2a += x2[n] * x.a; s3a += x3[n] * x.a;
  s0b += x0[n] * x.b; s1b += x1[n] * x.b; s2b += x2[n] * x.b; s3b += x3[n] * x.b;
  let y = y_columns(n, rows);
  d0a += y0[n] * y.a; d1a += y1[n] * y.a; d2a += y2[n] * y.a; d3a += y3[n] * y.a;
  d0b += y0[n] * y.b; d1b += y1[n] * y.b; d2b += y2[n] * y.b; d3b += y3[n] * y.b;
}

// Statistics of the lane's queries: log sums in powers of two, means.
fn known_of(own: Own, head: u32) -> array<vec4f, 2> {
  let at = pixels(own) * params.heads + head;
  let known = transpose(mat4x2f(statistics[at.x], statistics[at.y], statistics[at.z], statistics[at.w]));
  return array<vec4f, 2>(LOG2_E * known[0], known[1]);
}

// Turns scores into weights and slopes into changes, given the statistics of the lane's queries.
fn set_changes(log_sum: vec4f, mean: vec4f) {
  s0a = exp2(s0a - log_sum.x); s1a = exp2(s1a - log_sum.y); s2a = exp2(s2a - log_sum.z); s3a = exp2(s3a - log_sum.w);
  s0b = exp2(s0b - log_sum.x); s1b = exp2(s1b - log_sum.y); s2b = exp2(s2b - log_sum.z); s3b = exp2(s3b - log_sum.w);
  d0a = s0a * (d0a - mean.x); d1a = s1a * (d1a - mean.y); d2a = s2a * (d2a - mean.z); d3a = s3a * (d3a - mean.w);
  d0b = s0b * (d0b - mean.x); d1b = s1b * (d1b - mean.y); d2b = s2b * (d2b - mean.z); d3b = s3b * (d3b - mean.w);
}
