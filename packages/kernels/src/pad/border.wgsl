// Which coordinate of a side of length `side` stands at coordinate i, which may lie outside. BORDER is a constant of the
// kernel: 0 zeros (the result is clamped, `inside` tells), 1 reflect without repeating the edge, as often as it takes
// (period 2·side − 2; a side of 1 is replicated), 2 replicate.

fn at_border(i: i32, side: i32) -> i32 {
  if (BORDER == 1u) {
    let period = max(1, 2 * side - 2);
    let remainder = i % period;
    let wrapped = select(remainder, remainder + period, remainder < 0);
    return min(wrapped, period - wrapped);
  }
  return clamp(i, 0, side - 1);
}

fn inside(y: i32, x: i32) -> bool {
  // A negative coordinate is a large u32, so that one comparison tells both sides.
  return BORDER != 0u || (u32(y) < params.height && u32(x) < params.width);
}
