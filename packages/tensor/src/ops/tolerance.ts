import type { NdArray } from './define.ts';

/** Unit round-off of float32. */
export const epsilon = 2 ** -24;

/**
 * Error bound of a sum of `length` products: the rounding errors of the partial sums behave like a random walk, so
 * they grow with √length times the sum of magnitudes Σ|a·b|, which the caller computes with its own reference on
 * absolute values. The constant 4 leaves room for the order of summation.
 */
export function reductionBound(length: number, magnitudes: NdArray): Float64Array {
  const factor = 4 * epsilon * Math.sqrt(Math.max(1, length));
  return magnitudes.data.map((magnitude) => factor * magnitude);
}

/** `ulps` units in the last place of the reference value, and at least those of `floor`. */
export function ulpBound(ulps: number, reference: NdArray, floor = 0): Float64Array {
  return reference.data.map((value) => 2 * epsilon * ulps * Math.max(Math.abs(value), floor));
}

export const absolute = (array: NdArray): NdArray => ({ shape: array.shape, data: array.data.map(Math.abs) });
