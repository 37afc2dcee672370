// Complex numbers of one channel, or of four where VECTOR. Library of the kernels of this folder.
//
// A complex array is two planes of one buffer. Where they begin is up to the host, which exchanges the two to turn a
// forward transform into an inverse one: F⁻¹(z) is F of z with its parts exchanged, exchanged again.

#if ${VECTOR}
alias Element = vec4f;
#else
alias Element = f32;
#endif

struct Complex {
  re: Element,
  im: Element,
}

fn plus(a: Complex, b: Complex) -> Complex {
  return Complex(a.re + b.re, a.im + b.im);
}

fn minus(a: Complex, b: Complex) -> Complex {
  return Complex(a.re - b.re, a.im - b.im);
}

fn scaled(z: Complex, factor: f32) -> Complex {
  return Complex(z.re * factor, z.im * factor);
}

fn times(z: Complex, w: vec2f) -> Complex {
  return Complex(z.re * w.x - z.im * w.y, z.re * w.y + z.im * w.x);
}

// −i · z
fn turned(z: Complex) -> Complex {
  return Complex(z.im, -z.re);
}

// |z| for every z whose magnitude float32 can hold: the squares are taken of parts that a power of two has moved away
// from overflow and underflow.
fn magnitude(z: Complex) -> Element {
  let one = Element() + 1.0;
  let up = Element() + 0x1p70;
  let down = Element() + 0x1p-70;
  let largest = max(abs(z.re), abs(z.im));
  let is_large = largest > Element() + 0x1p60;
  let is_small = largest < Element() + 0x1p-60;
  let by = select(select(one, up, is_small), down, is_large);
  let back = select(select(one, down, is_small), up, is_large);
  let re = z.re * by;
  let im = z.im * by;
  return sqrt(re * re + im * im) * back;
}
