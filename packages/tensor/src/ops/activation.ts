import type { Activation } from '@lua-webgpu/kernels';

/** erf to double precision: the Maclaurin series below 3, a continued fraction for erfc above. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a > 3) {
    let fraction = 0;
    for (let k = 60; k >= 1; k--) fraction = k / 2 / (a + fraction);
    return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
  }
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** Float64 reference of the activations that GEMMs and convolutions fuse. */
export function activate(activation: Activation, x: number): number {
  switch (activation.kind) {
    case 'none':
      return x;
    case 'gelu':
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    case 'leaky-relu':
      return x > 0 ? x : activation.slope * x;
  }
}

/** The largest slope of an activation: how much it can enlarge an error. */
export function activationGain(activation: Activation): number {
  if (activation.kind === 'gelu') return 1.13;
  return activation.kind === 'leaky-relu' ? Math.max(1, Math.abs(activation.slope)) : 1;
}

/** Derivative of an activation in float64; 0 counts as the negative side. */
export function activationSlope(activation: Activation, x: number): number {
  switch (activation.kind) {
    case 'none':
      return 1;
    case 'gelu':
      return 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
    case 'leaky-relu':
      return x > 0 ? 1 : activation.slope;
  }
}
