// g · f'(x), element by element, for the function that the constant OP names (its codes are listed in unary.ts).
// `a` and `b` are the function's parameters, as in unary-functions.wgsl. Needs lib/normal.wgsl in front.
//
// Where f has a kink: 0 for |x| and ReLU at 0, the slope `a` for leaky ReLU at 0, g for clamp on its bounds; 0 for √x
// at 0, whose slope has no limit there.
//
// Numerics: exp is taken of what is at most 0, and what it multiplies is bounded, so no finite x meets Inf/Inf or
// 0·Inf. The slopes of the logistic function and of tanh are t/(1 + t)² with t = exp(−|x|) and 4t/(1 + t)² with
// t = exp(−2|x|), which keep their digits in the tails, where 1 − y² has none left.

fn gradient_of(x: vec4f, g: vec4f, a: f32, b: f32) -> vec4f {
  let zero = vec4f(0.0);
  let one = vec4f(1.0);
  switch (OP) {
    case 0u: { return -g; }
    case 1u: { return select(select(zero, -g, x < zero), g, x > zero); }
    case 2u: { return 2.0 * x * g; }
    case 3u: { return select(zero, g * (0.5 / sqrt(x)), x > zero); }
    case 4u: { return g * exp(x); }
    case 5u: { return g / x; }
    case 6u: {
      let r = 1.0 / x;
      return -g * r * r;
    }
    case 7u: { return select(zero, g, x > zero); }
    case 8u: { return select(a * g, g, x > zero); }
    case 9u: {
      let c = clamp(x, vec4f(-10.0), vec4f(10.0));
      let beyond = normal_beyond(abs(c));
      let area = select(1.0 - beyond, beyond, x < zero);
      return g * (area + c * (0.3989422804014327 * exp(-0.5 * c * c)));
    }
    case 10u: {
      let t = exp(-abs(x));
      let d = 1.0 / (1.0 + t);
      let here = select(t, one, x >= zero) * d;
      let mirrored = select(one, t, x >= zero) * d;
      return g * (here + x * mirrored * here);
    }
    case 11u: {
      let t = exp(-abs(x));
      return g * (t / ((1.0 + t) * (1.0 + t)));
    }
    case 12u: {
      let t = exp(-2.0 * abs(x));
      return g * (4.0 * t / ((1.0 + t) * (1.0 + t)));
    }
    case 13u: { return select(zero, g, (x >= vec4f(a)) & (x <= vec4f(b))); }
    default: { return a * g; }
  }
}
