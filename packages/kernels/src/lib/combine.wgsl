// Four rows of the right-hand matrix combined by four values of a row of the left-hand one.

fn combine(v: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
  return v.x * b0 + v.y * b1 + v.z * b2 + v.w * b3;
}
