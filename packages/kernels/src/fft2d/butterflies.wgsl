// Discrete Fourier transforms of 2, 3, 4, 5, 7 and 8 values: y[q] = Σ_r z[r] · exp(−2πi·q·r / R). Library.

fn dft2(z0: Complex, z1: Complex) -> array<Complex, 2> {
  return array(plus(z0, z1), minus(z0, z1));
}

fn dft3(z0: Complex, z1: Complex, z2: Complex) -> array<Complex, 3> {
  let sum = plus(z1, z2);
  let even = minus(z0, scaled(sum, 0.5));
  let odd = scaled(turned(minus(z1, z2)), 0.8660254037844386);
  return array(plus(z0, sum), plus(even, odd), minus(even, odd));
}

fn dft4(z0: Complex, z1: Complex, z2: Complex, z3: Complex) -> array<Complex, 4> {
  let even = plus(z0, z2);
  let even_odd = minus(z0, z2);
  let odd = plus(z1, z3);
  let odd_odd = turned(minus(z1, z3));
  return array(plus(even, odd), plus(even_odd, odd_odd), minus(even, odd), minus(even_odd, odd_odd));
}

const C5_1 = 0.30901699437494742;
const C5_2 = -0.80901699437494742;
const S5_1 = 0.95105651629515357;
const S5_2 = 0.58778525229247313;

fn dft5(z0: Complex, z1: Complex, z2: Complex, z3: Complex, z4: Complex) -> array<Complex, 5> {
  let a = plus(z1, z4);
  let b = plus(z2, z3);
  let c = minus(z1, z4);
  let d = minus(z2, z3);
  let even1 = plus(z0, plus(scaled(a, C5_1), scaled(b, C5_2)));
  let even2 = plus(z0, plus(scaled(a, C5_2), scaled(b, C5_1)));
  let odd1 = turned(plus(scaled(c, S5_1), scaled(d, S5_2)));
  let odd2 = turned(minus(scaled(c, S5_2), scaled(d, S5_1)));
  return array(
    plus(z0, plus(a, b)),
    plus(even1, odd1),
    plus(even2, odd2),
    minus(even2, odd2),
    minus(even1, odd1),
  );
}

const C7_1 = 0.62348980185873353;
const C7_2 = -0.22252093395631440;
const C7_3 = -0.90096886790241913;
const S7_1 = 0.78183148246802981;
const S7_2 = 0.97492791218182361;
const S7_3 = 0.43388373911755812;

fn dft7(
  z0: Complex, z1: Complex, z2: Complex, z3: Complex, z4: Complex, z5: Complex, z6: Complex,
) -> array<Complex, 7> {
  let a = plus(z1, z6);
  let b = plus(z2, z5);
  let c = plus(z3, z4);
  let d = minus(z1, z6);
  let e = minus(z2, z5);
  let f = minus(z3, z4);
  let even1 = plus(z0, plus(plus(scaled(a, C7_1), scaled(b, C7_2)), scaled(c, C7_3)));
  let even2 = plus(z0, plus(plus(scaled(a, C7_2), scaled(b, C7_3)), scaled(c, C7_1)));
  let even3 = plus(z0, plus(plus(scaled(a, C7_3), scaled(b, C7_1)), scaled(c, C7_2)));
  let odd1 = turned(plus(plus(scaled(d, S7_1), scaled(e, S7_2)), scaled(f, S7_3)));
  let odd2 = turned(minus(minus(scaled(d, S7_2), scaled(e, S7_3)), scaled(f, S7_1)));
  let odd3 = turned(plus(minus(scaled(d, S7_3), scaled(e, S7_1)), scaled(f, S7_2)));
  return array(
    plus(plus(z0, a), plus(b, c)),
    plus(even1, odd1),
    plus(even2, odd2),
    plus(even3, odd3),
    minus(even3, odd3),
    minus(even2, odd2),
    minus(even1, odd1),
  );
}

const HALF_ROOT = 0.70710678118654752;

fn dft8(
  z0: Complex, z1: Complex, z2: Complex, z3: Complex, z4: Complex, z5: Complex, z6: Complex, z7: Complex,
) -> array<Complex, 8> {
  let even = dft4(z0, z2, z4, z6);
  let odd = dft4(z1, z3, z5, z7);
  // The odd half times exp(−2πi·q / 8).
  let odd1 = scaled(plus(odd[1], turned(odd[1])), HALF_ROOT);
  let odd2 = turned(odd[2]);
  let odd3 = scaled(minus(turned(odd[3]), odd[3]), HALF_ROOT);
  return array(
    plus(even[0], odd[0]),
    plus(even[1], odd1),
    plus(even[2], odd2),
    plus(even[3], odd3),
    minus(even[0], odd[0]),
    minus(even[1], odd1),
    minus(even[2], odd2),
    minus(even[3], odd3),
  );
}
