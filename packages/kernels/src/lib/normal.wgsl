// The exact GELU, x·(1 + erf(x/√2))/2, by the share of the normal distribution beyond a = |x|, (1 − erf(a/√2))/2: x loses
// that share of a where it is positive, and keeps as much of it where it is not. So what is small is computed as such.
// The share is a constant over the fourth power of a polynomial: no exp, and no two forms to choose from, both of which
// software adapters compute. Largest error of the share 1.5e-7, and times a 9e-8, in f32. From 10 on it counts for nothing.
// Coefficients: scripts/fit_normal.py.

// For 0 ≤ a ≤ 10.
fn normal_beyond(a: vec4f) -> vec4f {
  var r = vec4f(1.6653228840368683e-06);
  r = r * a - 2.1114865376148373e-05;
  r = r * a + 1.3280958228278905e-04;
  r = r * a - 4.4021470239385962e-04;
  r = r * a + 0.001060678856447339;
  r = r * a - 9.1783911921083927e-04;
  r = r * a + 0.00354784308001399;
  r = r * a + 0.00838081818073988;
  r = r * a + 0.04395807906985283;
  r = r * a + 0.1655781120061874;
  r = r * a + 0.3320993483066559;
  r = r * a + 1.664889931678772;
  let square = r * r;
  return 3.841599941253662 / (square * square);
}

fn gelu(x: vec4f) -> vec4f {
  let a = min(abs(x), vec4f(10.0));
  return select(x, vec4f(0.0), x < vec4f(0.0)) - a * normal_beyond(a);
}
