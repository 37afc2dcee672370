// The share of the normal distribution below x, (1 + erf(x/√2))/2: the weight that the exact GELU gives x.
// 1/2 + x·P(x²)/Q(x²), largest error 1.5e-7 in f32; exactly 0 and 1 in the tails. Neither exp nor a choice between two
// forms, which software adapters compute both. x is held where the quotient has risen above 1/2 by more than rounding.
// Coefficients: scripts/fit_normal.py.

fn normal_below(x: vec4f) -> vec4f {
  let c = clamp(x, vec4f(-5.75), vec4f(5.75));
  let s = c * c;
  var p = vec4f(3.743316057125412e-08);
  p = p * s + 9.5909663286875e-06;
  p = p * s + 2.315494348295033e-04;
  p = p * s + 6.890773307532072e-03;
  p = p * s + 4.8446450382471085e-02;
  p = p * s + 5.984134078025818e-01;
  var q = vec4f(1.8964749415317783e-06);
  q = q * s + 1.0456130985403433e-04;
  q = q * s + 2.7048371266573668e-03;
  q = q * s + 4.167923703789711e-02;
  q = q * s + 3.7143707275390625e-01;
  q = q * s + 1.5;
  return 0.5 + clamp(c * p / q, vec4f(-0.5), vec4f(0.5));
}
