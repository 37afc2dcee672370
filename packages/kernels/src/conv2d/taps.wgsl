// Where an output pixel of a convolution reads x[B, H, W, Cin], for the variants that work on vec4 of channels. Uses the
// kernel's params: pixels, height, width, out_height, out_width, cin4, stride, pad_top, pad_left, x_offset.

// An output pixel: its image's first row in x, and where its first tap lies, padding included.
struct Pixel {
  image: u32,
  top: i32,
  left: i32,
}

// Where a pixel's value at one tap starts, in vec4, or zero in its place.
struct Tap {
  at: u32,
  inside: bool,
}

fn pixel_at(index: u32) -> Pixel {
  let row = index / params.out_width;
  let image = row / params.out_height;
  let y = i32((row - image * params.out_height) * params.stride);
  let x = i32((index - row * params.out_width) * params.stride);
  return Pixel(image * params.height, y - params.pad_top, x - params.pad_left);
}

fn tap_of(pixel: Pixel, ky: u32, kx: u32) -> Tap {
  let y = pixel.top + i32(ky);
  let x = pixel.left + i32(kx);
  // A negative coordinate is a large u32, so that one comparison tells both sides.
  let inside = u32(y) < params.height && u32(x) < params.width;
  return Tap(((pixel.image + u32(y)) * params.width + u32(x)) * params.cin4 + params.x_offset, inside);
}
