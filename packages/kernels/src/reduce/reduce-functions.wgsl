// The reduction that the constant OP names: 0 sum, 1 maximum, 2 minimum.
// The file behind this one says what one term is: fn load(i: u32) -> vec4f.

fn combine(a: vec4f, b: vec4f) -> vec4f {
  switch (OP) {
    case 0u: { return a + b; }
    case 1u: { return max(a, b); }
    default: { return min(a, b); }
  }
}

// Reduces load(first), load(first + step), … below `end`. Sixteen terms at a time in a tree, so that 256 terms of a sum
// pass through 20 additions at most: rounding errors grow with the depth, not with the count.
// Without terms a sum is 0; a maximum or minimum has to have one.
fn reduce_every(first: u32, end: u32, step: u32) -> vec4f {
  var result = vec4f(0.0);
  if (OP != 0u) {
    result = load(first);
  }
  let terms = (end - first + step - 1u) / step;
  var at = first;
  for (var trees = terms / 16u; trees > 0u; trees--) {
    let a = combine(combine(load(at), load(at + step)), combine(load(at + 2u * step), load(at + 3u * step)));
    at += 4u * step;
    let b = combine(combine(load(at), load(at + step)), combine(load(at + 2u * step), load(at + 3u * step)));
    at += 4u * step;
    let c = combine(combine(load(at), load(at + step)), combine(load(at + 2u * step), load(at + 3u * step)));
    at += 4u * step;
    let d = combine(combine(load(at), load(at + step)), combine(load(at + 2u * step), load(at + 3u * step)));
    at += 4u * step;
    result = combine(result, combine(combine(a, b), combine(c, d)));
  }
  for (var rest = terms % 16u; rest > 0u; rest--) {
    result = combine(result, load(at));
    at += step;
  }
  return result;
}
