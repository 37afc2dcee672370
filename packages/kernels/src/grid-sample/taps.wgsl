// Which values of an axis a sampling position reads, and with what weights. Library of the kernels of this folder.
//
// MODE 0 is nearest (halves to even), 1 bilinear, 2 bicubic (cubic convolution with a = −0.75); they read TAPS
// consecutive values. What lies outside the image is the kernels' to leave out.

const TAPS = select(select(4, 2, MODE == 1), 1, MODE == 0);

struct Taps {
  first: i32,
  weights: vec4f,
}

// Grid coordinates −1 and 1 are the outer edges of the first and last value (`align_corners` false). A position far
// outside reads nothing wherever it is, so it is held near the image, where integers can count it.
fn position(coordinate: f32, size: u32) -> f32 {
  let at = ((coordinate + 1.0) * f32(size) - 1.0) * 0.5;
  return clamp(at, -4.0, f32(size) + 3.0);
}

fn taps_at(at: f32) -> Taps {
  if (MODE == 0) {
    return Taps(i32(round(at)), vec4f(1.0, 0.0, 0.0, 0.0));
  }
  let below = floor(at);
  let t = at - below;
  if (MODE == 1) {
    return Taps(i32(below), vec4f(1.0 - t, t, 0.0, 0.0));
  }
  return Taps(i32(below) - 1, vec4f(outer(t + 1.0), inner(t), inner(1.0 - t), outer(2.0 - t)));
}

// The derivative of the weights by the position.
fn slopes_at(at: f32) -> vec4f {
  if (MODE == 0) {
    return vec4f();
  }
  if (MODE == 1) {
    return vec4f(-1.0, 1.0, 0.0, 0.0);
  }
  let t = at - floor(at);
  return vec4f(outer_slope(t + 1.0), inner_slope(t), -inner_slope(1.0 - t), -outer_slope(2.0 - t));
}

// The weight of value `index`, 0 where it is not read.
fn weight_of(taps: Taps, index: i32) -> f32 {
  let k = index - taps.first;
  return select(0.0, taps.weights[clamp(k, 0, 3)], k >= 0 && k < TAPS);
}

fn inner(x: f32) -> f32 {
  return (1.25 * x - 2.25) * x * x + 1.0;
}

fn outer(x: f32) -> f32 {
  return -0.75 * (((x - 5.0) * x + 8.0) * x - 4.0);
}

fn inner_slope(x: f32) -> f32 {
  return (3.75 * x - 4.5) * x;
}

fn outer_slope(x: f32) -> f32 {
  return -0.75 * ((3.0 * x - 10.0) * x + 8.0);
}
