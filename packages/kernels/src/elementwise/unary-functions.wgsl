// y = f(x), element by element, for the function that the constant OP names (its codes are listed in unary.ts).
// `a` and `b` are the function's parameters: the slope of leaky ReLU, the bounds of clamp, scale and offset of affine.
// Needs lib/normal.wgsl in front.
//
// Numerics: no form meets Inf/Inf or 0·Inf at a finite x, since exp is taken of −|x| only. Near 0, where 1 − exp(−2x)
// cancels, tanh is the continued fraction x/(1 + x²/(3 + x²/(5 + …))) cut after 9: off by less than 1e-10 below 1/2.
// The comparisons are written so that NaN falls through to x wherever the implementation lets NaN live.

fn logistic(x: vec4f) -> vec4f {
  let t = exp(-abs(x));
  return select(t, vec4f(1.0), x >= vec4f(0.0)) / (1.0 + t);
}

fn hyperbolic_tangent(x: vec4f) -> vec4f {
  let a = abs(x);
  let s = min(a * a, vec4f(1.0));
  let near = a * (945.0 + s * (105.0 + s)) / (945.0 + s * (420.0 + 15.0 * s));
  let t = exp(-2.0 * a);
  let far = (1.0 - t) / (1.0 + t);
  let y = select(far, near, a < vec4f(0.5));
  return select(-y, y, x >= vec4f(0.0));
}

fn apply(x: vec4f, a: f32, b: f32) -> vec4f {
  switch (OP) {
    case 0u: { return -x; }
    case 1u: { return abs(x); }
    case 2u: { return x * x; }
    case 3u: { return sqrt(x); }
    case 4u: { return exp(x); }
    case 5u: { return log(x); }
    case 6u: { return 1.0 / x; }
    case 7u: { return select(x, vec4f(0.0), x < vec4f(0.0)); }
    case 8u: { return select(x, a * x, x < vec4f(0.0)); }
    case 9u: { return gelu(x); }
    case 10u: { return x * logistic(x); }
    case 11u: { return logistic(x); }
    case 12u: { return hyperbolic_tangent(x); }
    case 13u: { return select(select(x, vec4f(a), x < vec4f(a)), vec4f(b), x > vec4f(b)); }
    default: { return x * a + b; }
  }
}
