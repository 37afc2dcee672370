import type { UnaryFunction } from '@lua-webgpu/kernels';
import { activationSlope } from './activation.ts';
import type { NdArray } from './define.ts';
import { epsilon } from './tolerance.ts';

/** Slope of leakyRelu; lowest and highest of clamp; scale and offset of affine. Unused by the others. */
export interface UnaryAttributes {
  readonly a: number;
  readonly b: number;
}

/** The derivative of one function. */
interface Slope {
  /** In float64; where there is no derivative, the one that is chosen. */
  slope(x: number, a: number, b: number): number;
  /** Largest error in units in the last place of gradient · slope, where that is not exact. */
  ulps?(x: number): number;
  /** Largest error of the slope besides. */
  absolute?(x: number): number;
}

const ulp = 2 * epsilon;
/** The smallest normal float32: what is below may be flushed to zero. */
const tiny = 2 ** -126;

/** WGSL promises exp to 3 + 2·|x| units in the last place. */
export const expUlps = (x: number): number => 3 + 2 * Math.abs(x);
export const logistic = (x: number): number =>
  x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
/** The error of exp(−|x|) reaches t/(1 + t) whole and 1/(1 + t) t-fold. */
export const logisticUlps = (x: number): number => 4 + expUlps(x) * (x < 0 ? 1 : Math.exp(-x));

const slopes: Record<UnaryFunction, Slope> = {
  neg: { slope: () => -1 },
  abs: { slope: (x) => Math.sign(x) },
  square: { slope: (x) => 2 * x, ulps: () => 1 },
  sqrt: { slope: (x) => (x > 0 ? 0.5 / Math.sqrt(x) : 0), ulps: () => 8 },
  exp: { slope: (x) => Math.exp(x), ulps: (x) => expUlps(x) + 1 },
  log: { slope: (x) => 1 / x, ulps: () => 3 },
  reciprocal: { slope: (x) => -1 / (x * x), ulps: () => 7 },
  relu: { slope: (x) => (x > 0 ? 1 : 0) },
  leakyRelu: { slope: (x, slope) => (x > 0 ? 1 : slope), ulps: () => 1 },
  gelu: {
    slope: (x) => activationSlope({ kind: 'gelu' }, x),
    ulps: () => 2,
    // The error of the share of the normal distribution (lib/normal.wgsl), and that of x·φ(x), whose exponent is rounded before exp takes it.
    absolute: (x) =>
      1.5e-7 + (ulp * (expUlps(x * x) + 4) * Math.abs(x) * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  },
  silu: {
    slope: (x) => logistic(x) * (1 + x * logistic(-x)),
    ulps: () => 2,
    absolute(x) {
      const [here, mirrored] = [logisticUlps(x), logisticUlps(-x)];
      const product = Math.abs(x) * logistic(-x) * logistic(x);
      return ulp * (here * logistic(x) + (here + mirrored + 1) * product) + tiny * Math.abs(x);
    },
  },
  sigmoid: { slope: (x) => logistic(x) * logistic(-x), ulps: (x) => expUlps(x) + 6 },
  tanh: { slope: (x) => 4 * logistic(2 * x) * logistic(-2 * x), ulps: (x) => expUlps(2 * x) + 6 },
  clamp: { slope: (x, lowest, highest) => (x >= lowest && x <= highest ? 1 : 0) },
  affine: { slope: (_x, scale) => scale, ulps: () => 1 },
};

/** gradient · f'(x) in float64. */
export function slopeProduct(
  name: UnaryFunction,
  x: NdArray,
  gradient: NdArray,
  { a, b }: UnaryAttributes,
): NdArray {
  const { slope } = slopes[name];
  const [low, high] = [Math.fround(a), Math.fround(b)];
  return {
    shape: x.shape,
    data: x.data.map((value, i) => (gradient.data[i] ?? 0) * slope(value, low, high)),
  };
}

/** Largest error of unaryGradient, from WGSL's accuracies. */
export function slopeProductBound(
  name: UnaryFunction,
  x: NdArray,
  gradient: NdArray,
  product: NdArray,
): Float64Array {
  const { ulps, absolute } = slopes[name];
  return product.data.map((y, i) => {
    if (!ulps) return 0;
    const value = x.data[i] ?? 0;
    const g = Math.abs(gradient.data[i] ?? 0);
    return ulp * ulps(value) * Math.abs(y) + g * (absolute?.(value) ?? 0) + 4 * tiny * (1 + g);
  });
}
