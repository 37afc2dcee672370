// Which 2×2 outputs belong to a tile of F(2×2, 3×3): tiles lie row by row over each image of out[B, Ho, Wo, Cout]; where Ho
// or Wo is odd, the last ones hold half as many outputs. Uses the kernel's params out_height and out_width.

// The first pixel of a tile.
struct Tile {
  image: u32,
  y: u32,
  x: u32,
}

fn tile_at(index: u32) -> Tile {
  let across = (params.out_width + 1u) / 2u;
  let down = (params.out_height + 1u) / 2u;
  let band = index / across;
  let image = band / down;
  return Tile(image, 2u * (band - image * down), 2u * (index - band * across));
}
