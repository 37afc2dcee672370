// Four by four of a matrix product, for a row of four values on the left.

// With four rows of the right-hand matrix.
fn combine(v: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
  return v.x * b0 + v.y * b1 + v.z * b2 + v.w * b3;
}

// With four columns of it.
fn project(v: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
  return vec4f(dot(v, b0), dot(v, b1), dot(v, b2), dot(v, b3));
}
