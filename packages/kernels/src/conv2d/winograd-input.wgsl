// transformed = Bᵀ · d · B for each tile and channel, d the 4×4 inputs of a tile of 2×2 outputs, the inputs of F(2×2, 3×3):
// Bᵀ has the rows (1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1). Lavin and Gray 2016, section 4.1.
//
// transformed is [blocks, 16 places, 16 tiles, Cin], so that the product kernel reads the 16 tiles of a place together.
// One invocation transforms one vec4 of channels of one tile. Inputs outside x are zero. `vectors` is tiles · Cin / 4.

const TILES: u32 = 16u;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  let tile = index / params.cin4;
  let channel = index - tile * params.cin4;
  let first = tile_at(tile);
  let pixel = Pixel(first.image * params.height, i32(first.y) - params.pad_top, i32(first.x) - params.pad_left);

  let c0 = down(pixel, 0u, channel);
  let c1 = down(pixel, 1u, channel);
  let c2 = down(pixel, 2u, channel);
  let c3 = down(pixel, 3u, channel);
  if (index < params.vectors) {
    let block = tile / TILES;
    let at = (block * 16u * TILES + tile % TILES) * params.cin4 + channel;
    #repeat (y < 4) store_row(at + 4u * y * TILES * params.cin4, c0[y], c1[y], c2[y], c3[y]);
  }
}

// Bᵀ times a column of the 4×4 inputs.
fn down(pixel: Pixel, column: u32, channel: u32) -> array<vec4f, 4> {
  let d0 = load(tap_of(pixel, 0u, column), channel);
  let d1 = load(tap_of(pixel, 1u, column), channel);
  let d2 = load(tap_of(pixel, 2u, column), channel);
  let d3 = load(tap_of(pixel, 3u, column), channel);
  return array(d0 - d2, d1 + d2, d2 - d1, d1 - d3);
}

fn store_row(at: u32, c0: vec4f, c1: vec4f, c2: vec4f, c3: vec4f) {
  let step = TILES * params.cin4;
  transformed[at] = c0 - c2;
  transformed[at + step] = c1 + c2;
  transformed[at + 2u * step] = c2 - c1;
  transformed[at + 3u * step] = c1 - c3;
}

fn load(tap: Tap, channel: u32) -> vec4f {
  return select(vec4f(), x[tap.at + channel], tap.inside);
}
