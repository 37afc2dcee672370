// What a row is read in: four values where VECTOR, else one; and their maximum and sum.

#if ${VECTOR}
alias Element = vec4f;

fn largest(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

fn total(v: vec4f) -> f32 {
  return v.x + v.y + (v.z + v.w);
}
#else
alias Element = f32;

fn largest(v: f32) -> f32 {
  return v;
}

fn total(v: f32) -> f32 {
  return v;
}
#endif

// exp(v − highest), which is at most 1. The difference is held above −200, where exp is 0 already, because it can
// exceed what f32 holds.
fn power(v: Element, highest: f32) -> Element {
  return exp(max(v - highest, Element(-200.0)));
}
