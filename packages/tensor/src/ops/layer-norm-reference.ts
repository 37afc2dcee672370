import { type Shape, sizeOf } from '../core/index.ts';
import { type NdArray, type Operands, required } from './define.ts';
import { epsilon, reductionBound } from './tolerance.ts';

export interface LayerNormAttributes {
  /** Added to the variance inside the root. */
  readonly eps: number;
}

/** One row of x with what it is normalised by: (x − mean) · scale. */
export interface Row {
  readonly first: number;
  readonly x: Float64Array;
  readonly mean: number;
  readonly scale: number;
  /** What float32 is off by in mean, and relative to it in scale: nothing where both are given. */
  readonly meanError: number;
  readonly scaleError: number;
  weight(channel: number): number;
  bias(channel: number): number;
}

interface RowOperands {
  readonly x: NdArray;
  readonly weight?: NdArray | undefined;
  readonly bias?: NdArray | undefined;
}

/** @param by eps, or the statistics [rows, 2] = (mean, scale) */
export function eachRow(
  { x, weight, bias }: RowOperands,
  by: number | NdArray,
  visit: (row: Row) => void,
): void {
  const channels = sizeOf(x.shape, -1);
  for (let first = 0; first < x.data.length; first += channels) {
    const values = x.data.subarray(first, first + channels);
    visit({
      first,
      x: values,
      ...(typeof by === 'number' ? statisticsOf(values, by) : givenStatistics(by, first / channels)),
      weight: (c) => weight?.data[c] ?? 0,
      bias: (c) => bias?.data[c] ?? 0,
    });
  }
}

function statisticsOf(x: Float64Array, eps: number) {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const scale = 1 / Math.sqrt(variance + eps);
  // The mean is off by a rounding error of its sum, which all differences inherit; the variance by that of a sum of
  // squares and by the square of the mean's error.
  const root = Math.sqrt(x.length);
  const magnitude = x.reduce((sum, value) => sum + Math.abs(value), 0) / x.length;
  const meanError = 4 * epsilon * root * magnitude;
  return { mean, scale, meanError, scaleError: 2 * epsilon * root + (meanError * scale) ** 2 + 8 * epsilon };
}

function givenStatistics({ data }: NdArray, row: number) {
  return { mean: data[2 * row] ?? 0, scale: data[2 * row + 1] ?? 0, meanError: 0, scaleError: 0 };
}

/** Of the statistics of x: two per row, none where rows have no channels. */
export const statisticsShape = (x: Shape): Shape => [...x.slice(0, -1), sizeOf(x, -1) === 0 ? 0 : 2];

/** (mean, 1 / √(variance + eps)) of each row: [..., C] → [..., 2]. */
export const layerNormStatistics = (x: NdArray, eps: number): NdArray =>
  perRow(x, eps, ({ mean, scale }) => [mean, scale]);

export const layerNormStatisticsTolerance = (x: NdArray, eps: number): Float64Array =>
  perRow(x, eps, ({ scale, meanError, scaleError }) => [meanError, scaleError * scale]).data;

function perRow(x: NdArray, eps: number, of: (row: Row) => readonly [number, number]): NdArray {
  const channels = sizeOf(x.shape, -1);
  const shape = statisticsShape(x.shape);
  const data = new Float64Array(shape.reduce((count, size) => count * size, 1));
  eachRow({ x }, eps, (row) => data.set(of(row), (2 * row.first) / channels));
  return { shape, data };
}

/** A bound per element, from its row. */
export function boundRows(
  operands: RowOperands,
  eps: number,
  ofRow: (row: Row) => (x: number, channel: number) => number,
): Float64Array {
  const bound = new Float64Array(operands.x.data.length);
  eachRow(operands, eps, (row) => {
    bound.set(row.x.map(ofRow(row)), row.first);
  });
  return bound;
}

/** Rows around `center` that deviate by `amplitude`, each channel in its own way. */
export function pattern(rows: number, channels: number, center: number, amplitude: number): NdArray {
  const data = Float64Array.from(
    { length: rows * channels },
    (_, i) => center + amplitude * Math.sin(1.7 * i),
  );
  return { shape: [rows, channels], data };
}

export interface LayerNormGradients {
  readonly x: NdArray;
  readonly weight: NdArray;
  readonly bias: NdArray;
}

/** Gradients in float64 of [x, weight, gradient]. @param by eps, or the statistics [rows, 2] */
export function layerNormGradients(inputs: Operands<NdArray>, by: number | NdArray): LayerNormGradients {
  const [x, { data: g }] = [required(inputs, 0), required(inputs, 2)];
  const { shape, data } = x;
  const channels = sizeOf(shape, -1);
  const result = new Float64Array(data.length);
  const along = new Float64Array(channels);
  const plain = new Float64Array(channels);
  eachRow({ x, weight: inputs[1] }, by, (row) => {
    const { scale } = row;
    const normal = row.x.map((value) => (value - row.mean) * scale);
    const own = g.subarray(row.first, row.first + channels);
    const h = own.map((value, c) => value * row.weight(c));
    const shift = h.reduce((sum, value) => sum + value, 0) / channels;
    const slope = h.reduce((sum, value, c) => sum + value * (normal[c] ?? 0), 0) / channels;
    own.forEach((value, c) => {
      result[row.first + c] = scale * ((h[c] ?? 0) - shift - (normal[c] ?? 0) * slope);
      along[c] = (along[c] ?? 0) + value * (normal[c] ?? 0);
      plain[c] = (plain[c] ?? 0) + value;
    });
  });
  return {
    x: { shape, data: result },
    weight: { shape: [channels], data: along },
    bias: { shape: [channels], data: plain },
  };
}

/** Error bounds, from [x, weight, gradient], of the gradients of x, weight and bias. @param by as of the gradients */
export function layerNormGradientTolerances(
  inputs: Operands<NdArray>,
  by: number | NdArray,
): [Float64Array, Float64Array, Float64Array] {
  const [x, { data: g }] = [required(inputs, 0), required(inputs, 2)];
  const { shape, data } = x;
  const channels = sizeOf(shape, -1);
  const rows = channels === 0 ? 0 : data.length / channels;
  const root = Math.sqrt(channels);
  const result = new Float64Array(data.length);
  const along = new Float64Array(channels);
  const plain = new Float64Array(channels);
  const columnError = 4 * epsilon * Math.sqrt(rows + 4);
  eachRow({ x, weight: inputs[1] }, by, (row) => {
    const { scale, scaleError } = row;
    const normalErrors = errorsOfNormal(row);
    const normal = row.x.map((value) => Math.abs(value - row.mean) * scale);
    const own = g.subarray(row.first, row.first + channels).map(Math.abs);
    const h = own.map((value, c) => value * Math.abs(row.weight(c)));
    const mean = (of: (c: number) => number) => h.reduce((sum, _, c) => sum + of(c), 0) / channels;
    const sumError = 4 * epsilon * (root + 2);
    const shift = mean((c) => h[c] ?? 0);
    const slope = mean((c) => (h[c] ?? 0) * (normal[c] ?? 0));
    const shiftError = sumError * shift;
    const slopeError = sumError * slope + mean((c) => (h[c] ?? 0) * (normalErrors[c] ?? 0));
    own.forEach((value, c) => {
      const [n, nError] = [normal[c] ?? 0, normalErrors[c] ?? 0];
      const terms = (h[c] ?? 0) + shift + n * slope;
      const errors = shiftError + n * slopeError + nError * (slope + slopeError);
      result[row.first + c] = scale * (errors + (4 * epsilon + scaleError) * terms);
      along[c] = (along[c] ?? 0) + value * (nError + columnError * n);
      plain[c] = (plain[c] ?? 0) + value;
    });
  });
  return [result, along, reductionBound(rows, { shape: [channels], data: plain })];
}

/** What float32 is off by in what a row normalises to. */
export function errorsOfNormal({ x, mean, scale, meanError, scaleError }: Row): Float64Array {
  return x.map((value) => {
    const difference = Math.abs(value - mean);
    return (
      (meanError + epsilon * Math.abs(value) + (scaleError + 4 * epsilon) * difference) * Math.abs(scale)
    );
  });
}
