import type { WindowAttentionShape } from '@lua-webgpu/kernels';
import { type NdArray, type Operands, required } from './define.ts';
import { epsilon } from './tolerance.ts';
import { eachQuery, logSumRounding, onlineError, type Query } from './window-attention-reference.ts';
import { attentionSizes, type WindowAttentionAttributes } from './window-attention-shape.ts';

/** What a cotangent makes of one query, per key of its window, with bounds of what float32 is off by. */
interface Change {
  readonly query: Query;
  /** After the softmax. */
  readonly weights: readonly number[];
  readonly weightErrors: readonly number[];
  /** Gradients of the scores: weight · (gradient · v − mean). */
  readonly changes: readonly number[];
  readonly changeErrors: readonly number[];
}

type Backward = Operands<NdArray>;

/** Operands [qkv, table, gradient, statistics?]; without statistics they are computed. */
function eachChange(inputs: Backward, shape: WindowAttentionShape, visit: (change: Change) => void): void {
  const { headDim, heads, window } = shape;
  const gradient = required(inputs, 2).data;
  const given = inputs[3]?.data;
  const dotError = 4 * epsilon * Math.sqrt(headDim + 2);
  const sumError = 4 * epsilon * window;
  const weighted = (weights: readonly number[], values: readonly number[]) =>
    weights.reduce((sum, weight, j) => sum + weight * (values[j] ?? 0), 0);

  eachQuery(inputs, shape, (query) => {
    const { keys, scores, out, value } = query;
    const products = keys.map((key) =>
      Array.from({ length: headDim }, (_, d) => (gradient[out + d] ?? 0) * value(key, d)),
    );
    const slopes = products.map((terms) => terms.reduce((sum, term) => sum + term, 0));
    const slopeErrors = products.map(
      (terms) => dotError * terms.reduce((sum, term) => sum + Math.abs(term), 0),
    );
    const scoreErrors = query.magnitudes.map((magnitude) => dotError * magnitude);

    const largest = Math.max(...scores);
    const onlineErrors = scores.map((score, j) => (scoreErrors[j] ?? 0) + onlineError(largest - score));
    const shareError = weighted(query.weights, onlineErrors) + sumError;
    const at = 2 * (query.pixel * heads + query.head);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    const logSum = given ? (given[at] ?? 0) : largest + Math.log(total);
    const mean = given ? (given[at + 1] ?? 0) : weighted(query.weights, slopes);
    const logSumError = given ? 0 : weighted(query.weights, onlineErrors) + logSumRounding(logSum, window);
    // The mean is the product of the gradient with the attention's result, which has errors of its own: relative to the
    // magnitudes of its terms.
    const meanTerms = products.map((terms, j) => {
      const magnitude = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      return ((onlineErrors[j] ?? 0) + shareError + sumError + dotError) * magnitude;
    });
    const meanError = given ? 0 : weighted(query.weights, meanTerms);

    const weights = scores.map((score) => Math.exp(score - logSum));
    const weightErrors = weights.map((weight, j) => {
      const distance = Math.abs((scores[j] ?? 0) - logSum);
      return weight * ((scoreErrors[j] ?? 0) + logSumError + 2 * epsilon * (3 + 4 * distance));
    });
    const changeErrors = slopes.map((slope, j) => {
      const rounding = slopeErrors[j] ?? 0;
      const weight = (weights[j] ?? 0) + (weightErrors[j] ?? 0);
      const differenceError = rounding + meanError + 2 * epsilon * (Math.abs(slope) + Math.abs(mean));
      return (weightErrors[j] ?? 0) * Math.abs(slope - mean) + weight * differenceError;
    });
    visit({
      query,
      weights,
      weightErrors,
      changes: slopes.map((slope, j) => (weights[j] ?? 0) * (slope - mean)),
      changeErrors,
    });
  });
}

interface Gradients {
  readonly qkv: NdArray;
  readonly table: NdArray;
}

/** Gradients in float64 of [qkv, table, gradient, statistics?], with the statistics taken as they are. */
export function attentionGradients(inputs: Backward, attributes: WindowAttentionAttributes): Gradients {
  const shape = attentionSizes(required(inputs, 0).shape, attributes);
  const add = scatter(inputs, shape, (x) => x);
  eachChange(inputs, shape, ({ query, weights, changes }) => add(query, weights, changes, changes));
  return add.gradients;
}

/** Error bounds of both gradients. */
export function attentionGradientTolerances(
  inputs: Backward,
  attributes: WindowAttentionAttributes,
): Gradients {
  const shape = attentionSizes(required(inputs, 0).shape, attributes);
  const { images, height, width, window } = shape;
  const sumError = 4 * epsilon * (window + 2);
  // Each entry is a sum over all windows and up to window² pairs.
  const tableError = 4 * epsilon * (Math.sqrt(images * height * width) + 2);
  const add = scatter(inputs, shape, Math.abs);
  eachChange(inputs, shape, ({ query, weights, weightErrors, changes, changeErrors }) => {
    const widen = (values: readonly number[], errors: readonly number[], relative: number) =>
      values.map((value, j) => (errors[j] ?? 0) + relative * Math.abs(value));
    add(
      query,
      widen(weights, weightErrors, sumError),
      widen(changes, changeErrors, sumError),
      widen(changes, changeErrors, tableError),
    );
  });
  const { qkv, table } = add.gradients;
  // Weights, and products with them, below 2⁻¹²⁶ may be flushed to zero: up to 2¹⁶ in one sum.
  const flushed = ({ shape: of, data }: NdArray) => ({
    shape: of,
    data: data.map((bound) => bound + 2 ** -108),
  });
  return { qkv: flushed(qkv), table: flushed(table) };
}

/** Adds up what queries contribute to the gradients; `of` is applied to q, k, the gradient and the scale. */
function scatter(inputs: Backward, shape: WindowAttentionShape, of: (x: number) => number) {
  const { heads, headDim } = shape;
  const [qkv, table, gradient] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
  const result = new Float64Array(qkv.data.length);
  const tableResult = new Float64Array(table.data.length);
  const scale = of(shape.scale);
  const increase = (data: Float64Array, at: number, by: number) => {
    data[at] = (data[at] ?? 0) + by;
  };
  const add = (
    { pixel, head, out, keys, entries }: Query,
    weights: readonly number[],
    changes: readonly number[],
    tableChanges: readonly number[],
  ) => {
    const at = (place: number, part: number) => ((place * 3 + part) * heads + head) * headDim;
    keys.forEach((key, j) => {
      const change = changes[j] ?? 0;
      increase(tableResult, entries[j] ?? 0, tableChanges[j] ?? 0);
      for (let d = 0; d < headDim; d++) {
        increase(result, at(pixel, 0) + d, scale * change * of(qkv.data[at(key, 1) + d] ?? 0));
        increase(result, at(key, 1) + d, scale * change * of(qkv.data[at(pixel, 0) + d] ?? 0));
        increase(result, at(key, 2) + d, (weights[j] ?? 0) * of(gradient.data[out + d] ?? 0));
      }
    });
  };
  const gradients = {
    qkv: { shape: qkv.shape, data: result },
    table: { shape: table.shape, data: tableResult },
  };
  return Object.assign(add, { gradients });
}
