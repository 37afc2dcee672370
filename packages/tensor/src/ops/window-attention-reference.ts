import type { WindowAttentionShape } from '@lua-webgpu/kernels';
import { type NdArray, type Operands, required } from './define.ts';
import { epsilon } from './tolerance.ts';
import { attentionSizes, type WindowAttentionAttributes } from './window-attention-shape.ts';

/** Attention in float64: [qkv, table] → [B, H, W, heads·d]. */
export function attentionReference(
  inputs: Operands<NdArray>,
  attributes: WindowAttentionAttributes,
): NdArray {
  const shape = attentionSizes(required(inputs, 0).shape, attributes);
  const result = emptyResult(shape);
  eachQuery(inputs, shape, ({ out, keys, weights, value }) => {
    for (let d = 0; d < shape.headDim; d++) {
      result.data[out + d] = keys.reduce((sum, key, j) => sum + (weights[j] ?? 0) * value(key, d), 0);
    }
  });
  return result;
}

/** Error bound of the forward kernels. */
export function attentionTolerance(
  inputs: Operands<NdArray>,
  attributes: WindowAttentionAttributes,
): Float64Array {
  const shape = attentionSizes(required(inputs, 0).shape, attributes);
  const bound = emptyResult(shape).data;
  const sumError = 4 * epsilon * shape.window;
  eachQuery(inputs, shape, ({ out, keys, weights, scores, magnitudes, value }) => {
    // A weight's relative error is the absolute error of its score and of the largest one, and that of the
    // exponential (WGSL: 3 + 2|x| units in the last place).
    const largest = Math.max(...scores);
    const dotError = 4 * epsilon * Math.sqrt(shape.headDim + 2);
    const largestError = dotError * Math.max(...magnitudes);
    const errors = scores.map(
      (score, j) =>
        dotError * (magnitudes[j] ?? 0) + largestError + 2 * epsilon * (3 + 4 * (largest - score)),
    );
    const shareError = errors.reduce((sum, error, j) => sum + (weights[j] ?? 0) * error, sumError);
    for (let d = 0; d < shape.headDim; d++) {
      bound[out + d] = keys.reduce((sum, key, j) => {
        const part = (weights[j] ?? 0) * Math.abs(value(key, d));
        return sum + part * ((errors[j] ?? 0) + shareError + sumError);
      }, 0);
    }
  });
  return bound;
}

/** log Σ exp(score) over the keys of each query's window: [qkv, table] → [B, H, W, heads]. */
export function attentionLogSums(inputs: Operands<NdArray>, attributes: WindowAttentionAttributes): NdArray {
  return perQuery(inputs, attributes, logSumOf);
}

export function attentionLogSumsTolerance(
  inputs: Operands<NdArray>,
  attributes: WindowAttentionAttributes,
): Float64Array {
  const { headDim, window } = attentionSizes(required(inputs, 0).shape, attributes);
  const dotError = 4 * epsilon * Math.sqrt(headDim + 2);
  return perQuery(inputs, attributes, (query) => {
    const { scores, magnitudes, weights } = query;
    const largest = Math.max(...scores);
    const share = weights.reduce((sum, weight, j) => {
      const distance = largest - (scores[j] ?? 0);
      return sum + weight * (dotError * (magnitudes[j] ?? 0) + onlineError(distance));
    }, 0);
    return share + logSumRounding(logSumOf(query), window);
  }).data;
}

const logSumOf = ({ scores }: Query) => {
  const largest = Math.max(...scores);
  return largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
};

/**
 * Relative error of an exponential that lies `distance` below the largest: 3 + 2|x| units in the last place (WGSL). The
 * online softmax rescales what it has at every new maximum, of which a window rarely has more than six.
 */
export const onlineError = (distance: number) => 2 * epsilon * (24 + 4 * distance);

/** Of the sum over the keys and its logarithm, which is off by 2⁻²¹ near 1 (WGSL). */
export const logSumRounding = (logSum: number, window: number) =>
  4 * epsilon * window + 2 ** -21 + 4 * epsilon * Math.abs(logSum);

function perQuery(
  inputs: Operands<NdArray>,
  attributes: WindowAttentionAttributes,
  of: (query: Query) => number,
): NdArray {
  const shape = attentionSizes(required(inputs, 0).shape, attributes);
  const { images, height, width, heads } = shape;
  const data = new Float64Array(images * height * width * heads);
  eachQuery(inputs, shape, (query) => {
    data[query.pixel * heads + query.head] = of(query);
  });
  return { shape: [images, height, width, heads], data };
}

function emptyResult({ images, height, width, heads, headDim }: WindowAttentionShape): NdArray {
  const shape = [images, height, width, heads * headDim];
  return { shape, data: new Float64Array(images * height * width * heads * headDim) };
}

/** One query of one head, and what it makes of the keys of its window. */
export interface Query {
  readonly head: number;
  /** Numbered through all images, as the keys' are. */
  readonly pixel: number;
  /** Index of the query's first value in the result. */
  readonly out: number;
  /** Pixels of the keys. */
  readonly keys: readonly number[];
  /** Index in the table of the bias on each key. */
  readonly entries: readonly number[];
  /** Before the softmax. */
  readonly scores: readonly number[];
  /** What the absolute values of the terms of each score add up to. */
  readonly magnitudes: readonly number[];
  /** After the softmax. */
  readonly weights: readonly number[];
  value(key: number, d: number): number;
}

/** As PyTorch code would: rolls the image, cuts it into windows, compares the regions of an image mask. */
export function eachQuery(
  inputs: Operands<NdArray>,
  shape: WindowAttentionShape,
  visit: (query: Query) => void,
): void {
  const { images, height, width, heads, headDim, window, shift, scale } = shape;
  const [qkv, table] = [required(inputs, 0).data, required(inputs, 1).data];
  const at = (pixel: number, part: number, head: number) => ((pixel * 3 + part) * heads + head) * headDim;
  const region = (y: number, size: number) => (y < size - window ? 0 : y < size - shift ? 1 : 2);
  for (const [image, top, left, head] of product(images, height / window, width / window, heads)) {
    const tokens = product(window, window).map(([y = 0, x = 0]) => {
      const [rolledY, rolledX] = [(top ?? 0) * window + y, (left ?? 0) * window + x];
      const row = (image ?? 0) * height + ((rolledY + shift) % height);
      const pixel = row * width + ((rolledX + shift) % width);
      return { y, x, pixel, region: shift > 0 ? 3 * region(rolledY, height) + region(rolledX, width) : 0 };
    });
    const keys = tokens.map(({ pixel }) => pixel);
    for (const query of tokens) {
      const terms = tokens.map((key) => {
        const [dy, dx] = [query.y - key.y + window - 1, query.x - key.x + window - 1];
        const entry = (dy * (2 * window - 1) + dx) * heads + (head ?? 0);
        const bias = table[entry] ?? 0;
        const mask = query.region === key.region ? 0 : -100;
        let [score, magnitude] = [bias + mask, Math.abs(bias) - mask];
        for (let d = 0; d < headDim; d++) {
          const q = qkv[at(query.pixel, 0, head ?? 0) + d] ?? 0;
          const k = qkv[at(key.pixel, 1, head ?? 0) + d] ?? 0;
          score += scale * q * k;
          magnitude += Math.abs(scale * q * k);
        }
        return { entry, score, magnitude };
      });
      const scores = terms.map(({ score }) => score);
      const largest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - largest));
      const total = powers.reduce((sum, power) => sum + power, 0);
      visit({
        head: head ?? 0,
        pixel: query.pixel,
        out: (query.pixel * heads + (head ?? 0)) * headDim,
        keys,
        entries: terms.map(({ entry }) => entry),
        scores,
        magnitudes: terms.map(({ magnitude }) => magnitude),
        weights: powers.map((power) => power / total),
        value: (key, d) => qkv[at(key, 2, head ?? 0) + d] ?? 0,
      });
    }
  }
}

/** Every combination of 0 ≤ i < size, the last running fastest. */
function product(...sizes: number[]): number[][] {
  return sizes.reduce<number[][]>(
    (rows, size) => rows.flatMap((row) => Array.from({ length: size }, (_, i) => [...row, i])),
    [[]],
  );
}
