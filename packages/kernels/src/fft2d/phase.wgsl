// spectrum[i] = gradient[i] · spectrum[i] / |spectrum[i]|, and 0 where spectrum[i] is 0: what the gradient of the
// magnitudes is before the transform back.
//
// spectrum is complex, two planes of `count` elements; gradient is real and begins at gradient_offset. Each invocation
// replaces one element, four channels where VECTOR.
//
// Numerics: as in `magnitude`, a power of two moves the parts away from overflow and underflow of their squares, so
// that the direction is right wherever float32 holds the spectrum. The host guarantees that count is not 0.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let z = Complex(spectrum[at], spectrum[params.count + at]);
  let largest = max(abs(z.re), abs(z.im));
  let is_large = largest > Element() + 0x1p60;
  let is_small = largest < Element() + 0x1p-60;
  let one = Element() + 1.0;
  let by = select(select(one, Element() + 0x1p70, is_small), Element() + 0x1p-70, is_large);
  let re = z.re * by;
  let im = z.im * by;
  let length = sqrt(re * re + im * im);
  // Both parts of a zero stay zero whatever they are divided by.
  let divisor = select(length, one, length == Element());
  let g = gradient[params.gradient_offset + at];
  if (at < params.count) {
    spectrum[at] = g * (re / divisor);
    spectrum[params.count + at] = g * (im / divisor);
  }
}
