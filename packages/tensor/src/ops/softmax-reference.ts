import type { NdArray } from './define.ts';
import { epsilon } from './tolerance.ts';
import { expUlps } from './unary-slopes.ts';

/** Calls back with the index range of each row along the last axis. */
function eachRow({ shape, data }: NdArray, visit: (first: number, end: number) => void): void {
  const length = shape.at(-1) ?? 1;
  for (let first = 0; first < data.length; first += length) visit(first, first + length);
}

/** exp(x) / Σ exp(x) over the last axis, in float64. */
export function softmaxArray(x: NdArray): NdArray {
  const data = new Float64Array(x.data.length);
  eachRow(x, (first, end) => {
    const row = x.data.subarray(first, end);
    const highest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = row.map((value) => Math.exp(value - highest));
    const sum = powers.reduce((a, b) => a + b, 0);
    data.set(
      powers.map((power) => power / sum),
      first,
    );
  });
  return { shape: x.shape, data };
}

/**
 * Largest relative error of each element of softmax: exp's, whose argument is rounded, the same of the sum, which is the
 * mean of the terms' errors, and the rounding of the sum, which grows like a random walk.
 */
export function softmaxRelativeError(x: NdArray, y: NdArray): Float64Array {
  const errors = new Float64Array(x.data.length);
  const length = x.shape.at(-1) ?? 1;
  eachRow(x, (first, end) => {
    const row = x.data.subarray(first, end);
    const highest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const own = row.map((value) => {
      const distance = Math.min(highest - value, 200);
      return 2 * epsilon * (expUlps(distance) + distance / 2);
    });
    const mean = own.reduce((sum, error, i) => sum + error * (y.data[first + i] ?? 0), 0);
    errors.set(
      own.map((error) => error + mean + epsilon * (8 + 4 * Math.sqrt(length))),
      first,
    );
  });
  return errors;
}

/** y · (g − Σ g·y) over the last axis, in float64. */
export function softmaxGradientArray(y: NdArray, gradient: NdArray): NdArray {
  const data = new Float64Array(y.data.length);
  eachRow(y, (first, end) => {
    let mean = 0;
    for (let i = first; i < end; i++) mean += (gradient.data[i] ?? 0) * (y.data[i] ?? 0);
    for (let i = first; i < end; i++) data[i] = (y.data[i] ?? 0) * ((gradient.data[i] ?? 0) - mean);
  });
  return { shape: y.shape, data };
}

/** Error bound of the gradient, where y is off by the given relative errors. */
export function softmaxGradientBound(y: NdArray, gradient: NdArray, errors: Float64Array): Float64Array {
  const bounds = new Float64Array(y.data.length);
  const length = y.shape.at(-1) ?? 1;
  eachRow(y, (first, end) => {
    let mean = 0;
    let slack = 0;
    for (let i = first; i < end; i++) {
      const term = (gradient.data[i] ?? 0) * (y.data[i] ?? 0);
      mean += term;
      slack += Math.abs(term) * ((errors[i] ?? 0) + 4 * epsilon * Math.sqrt(length));
    }
    for (let i = first; i < end; i++) {
      const [p, g] = [Math.abs(y.data[i] ?? 0), gradient.data[i] ?? 0];
      const rounding = (Math.abs(g) + Math.abs(mean)) * 2 * epsilon;
      bounds[i] = p * (slack + rounding + Math.abs(g - mean) * (errors[i] ?? 0)) + 2 ** -125;
    }
  });
  return bounds;
}
