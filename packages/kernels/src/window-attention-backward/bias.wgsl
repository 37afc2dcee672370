// What is added to scale · q·k before the softmax: relative position bias, and −100 between tokens of different regions.
// Shared by the kernels of this folder; see ../window-attention/geometry.wgsl for tokens.

const MASK: f32 = -100.0;

fn bias_of(query: Token, key: Token, head: u32) -> f32 {
  let bias = table[(query.offset + table_centre() - key.offset) * params.heads + head];
  return bias + select(0.0, MASK, key.region != query.region);
}
