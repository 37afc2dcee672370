// The reduction that the constant OP names: 0 sum, 1 maximum, 2 minimum.
// The file behind this one says what one term is: fn load(i: u32) -> vec4f.

fn combine(a: vec4f, b: vec4f) -> vec4f {
  switch (OP) {
    case 0u: { return a + b; }
    case 1u: { return max(a, b); }
    default: { return min(a, b); }
  }
}

// Reduces load(first), load(first + step), … below `end`. Without terms a sum is 0; a maximum has to have one.
//
// A sum is taken in parts of sixteen terms, so that each of 256 terms passes through 32 additions at most: rounding
// errors grow with the depth. (A tree of sixteen loads written out is twice as slow on software adapters.)
fn reduce_every(first: u32, end: u32, step: u32) -> vec4f {
  let terms = (end - first + step - 1u) / step;
  var at = first;
  if (OP != 0u) {
    var result = load(first);
    for (var k = 1u; k < terms; k++) {
      at += step;
      result = combine(result, load(at));
    }
    return result;
  }
  var total = vec4f(0.0);
  var part = vec4f(0.0);
  for (var k = 0u; k < terms; k++) {
    part += load(at);
    at += step;
    if (k % 16u == 15u) {
      total += part;
      part = vec4f(0.0);
    }
  }
  return total + part;
}
