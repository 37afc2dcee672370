// Where the tokens of a window lie in the image, what the relative position bias calls them, and which region of the
// attention mask they belong to. Shared by the kernels of this folder.
//
// A band of an image is `windows_y` × `windows_x` windows of `window` × `window` pixels. The window at (wy, wx) holds
// the pixels ((wy·window + y + roll_y) mod height, (wx·window + x + roll_x) mod width) of the band: the partition of
// the band rolled by −roll, and writing a result to the pixel it was read for rolls it back.
//
// Mask: windows in the row `border_y` (or column `border_x`) straddle the image's edge. There, tokens with y (x)
// below `split` come from one side of it and the others from the other side; pairs from different sides get −100.

struct Place {
  // Of the window: first pixel of its image, and its place in the band.
  image: u32,
  y: u32,
  x: u32,
  // 1 where the window straddles the edge, else 0.
  border_y: u32,
  border_x: u32,
}

struct Token {
  pixel: u32,
  // y·(2·window − 1) + x: the bias of query i on key j is at table_centre() + offset_i − offset_j.
  offset: u32,
  // Tokens of different regions get −100.
  region: u32,
}

// The table's entry for a token and itself.
fn table_centre() -> u32 {
  return 2u * params.window * (params.window - 1u);
}

fn place_of_window(index: u32) -> Place {
  let per_image = params.windows_y * params.windows_x;
  let within = index % per_image;
  let wy = within / params.windows_x;
  let wx = within % params.windows_x;
  return Place(
    (index / per_image) * per_image * params.window * params.window,
    wy * params.window + params.roll_y,
    wx * params.window + params.roll_x,
    select(0u, 1u, wy == params.border_y),
    select(0u, 1u, wx == params.border_x),
  );
}

// Token i < window² of a window, row-major. The division is exact in f32 for i < 256.
fn token_at(place: Place, i: u32) -> Token {
  let y = u32((f32(i) + 0.5) / f32(params.window));
  let x = i - y * params.window;
  let height = params.windows_y * params.window;
  let width = params.windows_x * params.window;
  let image_y = place.y + y;
  let image_x = place.x + x;
  let wrapped_y = select(image_y, image_y - height, image_y >= height);
  let wrapped_x = select(image_x, image_x - width, image_x >= width);
  let region_y = select(0u, place.border_y, y >= params.split);
  let region_x = select(0u, place.border_x, x >= params.split);
  return Token(
    place.image + wrapped_y * width + wrapped_x,
    y * (2u * params.window - 1u) + x,
    region_y * 2u + region_x,
  );
}
