// Which coordinates of a padded side show coordinate i of the side it was made from, as two arithmetic progressions. BORDER
// is a constant of the kernel, coded as in pad/border.wgsl: 1 reflect without repeating the edge, as often as it takes
// (period 2·side − 2; a side of 1 is replicated), 2 replicate.

struct Readers {
  first: u32,
  count: u32,
  mirrored_first: u32,
  mirrored_count: u32,
  step: u32,
}

fn readers_of(i: u32, side: u32, before: u32, padded: u32) -> Readers {
  if (BORDER == 1u) {
    let period = max(1u, 2u * side - 2u);
    let straight = (before + i) % period;
    let mirrored = (before + period - i) % period;
    // An edge is its own mirror image.
    let mirrored_count = select(steps(mirrored, padded, period), 0u, mirrored == straight);
    return Readers(straight, steps(straight, padded, period), mirrored, mirrored_count, period);
  }
  let first = select(before + i, 0u, i == 0u);
  let last = select(before + i, padded - 1u, i + 1u == side);
  return Readers(first, last - first + 1u, 0u, 0u, 1u);
}

// How many of first, first + step, … lie below end.
fn steps(first: u32, end: u32, step: u32) -> u32 {
  return select(0u, (max(end, first + 1u) - 1u - first) / step + 1u, first < end);
}

fn reader(readers: Readers, index: u32) -> u32 {
  if (index < readers.count) {
    return readers.first + index * readers.step;
  }
  return readers.mirrored_first + (index - readers.count) * readers.step;
}
