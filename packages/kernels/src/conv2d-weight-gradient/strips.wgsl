// What the variants on vec4 share: where four input channels at one tap, and a strip of output pixels, lie in
// x[B, H, W, Cin]. Uses the kernel's params.

// Four rows of the weight [kh·kw·Cin, Cout]: four input channels at one tap, whose offset includes the padding.
struct Rows {
  top: i32,
  left: i32,
  channel: u32,
}

// Consecutive output pixels of one row: the first one's index, their number, the first row of their image in x, and the
// place in x of the first one without a tap's offset.
struct Strip {
  pixel: u32,
  count: u32,
  image: u32,
  y: i32,
  x: i32,
}

fn rows_at(index: u32) -> Rows {
  let tap = index / params.cin4;
  let ky = tap / params.kernel_width;
  let kx = tap - ky * params.kernel_width;
  return Rows(i32(ky) - params.pad_top, i32(kx) - params.pad_left, index - tap * params.cin4);
}

fn strip_at(index: u32) -> Strip {
  let strips = (params.out_width + STRIP - 1u) / STRIP;
  let row = index / strips;
  let first = (index - row * strips) * STRIP;
  let image = row / params.out_height;
  let y = (row - image * params.out_height) * params.stride;
  let count = min(STRIP, params.out_width - first);
  return Strip(row * params.out_width + first, count, image * params.height, i32(y), i32(first * params.stride));
}

// Where row y of x starts for the channels of `rows`; any row where y lies outside.
fn start_of(strip: Strip, rows: Rows, y: i32) -> u32 {
  let row = strip.image + u32(y);
  return params.x_offset + row * params.width * params.cin4 + rows.channel;
}

// x at a column of the row that begins at `start`, or zeros where there is none.
fn value_at(start: u32, column: i32, inside: bool) -> vec4f {
  // A negative coordinate is a large u32, so that one comparison tells both sides.
  return select(vec4f(), x[start + u32(column) * params.cin4], inside && u32(column) < params.width);
}
