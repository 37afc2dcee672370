// erf(x), largest error 1.5e-7 in f32. WGSL has no erf.
// |x| < 1: x·P(x²). Else 1 − exp(−x²)·Q(t), t = 1 / (1 + |x|/2).
// Coefficients: scripts/fit_erf.py (Chebyshev fits).

fn erf(x: vec4f) -> vec4f {
  let a = min(abs(x), vec4f(6.0));
  let s = a * a;
  var p = vec4f(7.882497448008507e-05);
  p = p * s - 8.018855005502701e-04;
  p = p * s + 5.189312156289816e-03;
  p = p * s - 2.685432881116867e-02;
  p = p * s + 1.1283597350120544e-01;
  p = p * s - 3.761262595653534e-01;
  p = p * s + 1.1283791065216064;
  let near = a * p;
  let t = 1.0 / (1.0 + 0.5 * a);
  var q = vec4f(-5.796336382627487e-02);
  q = q * t - 4.376718029379845e-02;
  q = q * t + 3.866577446460724e-01;
  q = q * t + 1.1274845153093338e-01;
  q = q * t + 3.265717327594757e-01;
  q = q * t + 2.744554579257965e-01;
  q = q * t + 5.387505516409874e-04;
  let far = 1.0 - exp(-s) * q;
  return sign(x) * select(far, near, a < vec4f(1.0));
}
