import { type GroupNormShape, ShapeError } from '@lua-webgpu/kernels';
import {
  elements,
  formatShape,
  requireDType,
  type Shape,
  sameShape,
  sizeOf,
  type TensorSpec,
} from '../core/index.ts';
import { type NdArray, type Operands, required } from './define.ts';
import { epsilon } from './tolerance.ts';

export interface GroupNormAttributes {
  /** Divides the channels. */
  readonly groups: number;
  /** Added to the variance inside the root. */
  readonly eps: number;
}

/** Checks x [B, …, C] and the attributes. @throws ShapeError */
export function checkGroups(op: string, x: TensorSpec, { groups, eps }: GroupNormAttributes): void {
  requireDType(op, 'x', x.dtype, 'f32');
  if (x.shape.length < 2) {
    throw new ShapeError(
      'shape-rank',
      `${op}: x is ${formatShape(x.shape)}`,
      'Pass a tensor of shape [images, …, channels].',
    );
  }
  const channels = sizeOf(x.shape, -1);
  if (!Number.isSafeInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw new ShapeError(
      'attribute-invalid',
      `${op}: ${groups} groups do not divide the ${channels} channels of x ${formatShape(x.shape)}`,
      'Pass a divisor of the channels, such as 32.',
    );
  }
  if (eps >= 0 && Number.isFinite(eps)) return;
  throw new ShapeError('attribute-invalid', `${op}: eps is ${eps}`, 'Pass a number from 0, such as 1e-6.');
}

/** @throws ShapeError `shape-mismatch`, `dtype-mismatch` */
export function checkOperand(op: string, name: string, operand: TensorSpec, shape: Shape): void {
  requireDType(op, name, operand.dtype, 'f32');
  if (sameShape(operand.shape, shape)) return;
  throw new ShapeError(
    'shape-mismatch',
    `${op}: ${name} ${formatShape(operand.shape)} is not ${formatShape(shape)}`,
    `Pass a ${name} of shape ${formatShape(shape)}.`,
  );
}

/** Shapes to try the ops on. */
export const groupNormProblems: readonly {
  readonly name: string;
  readonly x: Shape;
  readonly groups: number;
}[] = [
  { name: 'four groups', x: [2, 9, 10, 16], groups: 4 },
  { name: 'groups of two channels', x: [1, 5, 6, 64], groups: 32 },
  { name: 'groups of one channel', x: [2, 5, 6, 32], groups: 32 },
  { name: 'one group', x: [3, 7, 4, 12], groups: 1 },
  { name: 'odd channels', x: [2, 11, 13, 15], groups: 5 },
  { name: 'several chunks of pixels', x: [1, 300, 8], groups: 2 },
  { name: 'one pixel', x: [3, 8], groups: 4 },
  { name: 'no images', x: [0, 4, 4, 8], groups: 4 },
  { name: 'no pixels', x: [2, 0, 4, 8], groups: 4 },
  { name: 'no channels', x: [2, 3, 0], groups: 4 },
];

export const statisticsShape = (x: Shape, { groups }: GroupNormAttributes) => [2, x[0] ?? 0, groups];

/** Statistics that x could have: not its own, since the ops take any. */
export function plausibleStatistics(x: Shape, attributes: GroupNormAttributes): NdArray {
  const shape = statisticsShape(x, attributes);
  const { images, pixels, channels, groups } = groupSizes(x, attributes);
  const [all, count] = [images * groups, (pixels * channels) / groups];
  const data = Float64Array.from({ length: 2 * all }, (_, i) =>
    i < all ? 0.2 * Math.sin(i) : count * (0.3 + 0.1 * Math.cos(i)),
  );
  return { shape, data };
}

export function groupSizes(shape: Shape, { groups, eps }: GroupNormAttributes): GroupNormShape {
  return {
    images: shape[0] ?? 0,
    pixels: elements(shape.slice(1, -1)),
    channels: sizeOf(shape, -1),
    groups,
    eps,
  };
}

/** One group of one image: what it is normalised by, and what float32 is off by. */
export interface Group {
  readonly image: number;
  /** Its place in statistics [2, images, groups], whose halves are `all` long. */
  readonly at: number;
  readonly all: number;
  readonly mean: number;
  readonly meanError: number;
  /** Of squared deviations. */
  readonly sum: number;
  readonly sumError: number;
  readonly scale: number;
  /** Relative. */
  readonly scaleError: number;
  /** Indices in x of its elements, by pixel and then channel, with their channels. */
  readonly places: readonly { readonly index: number; readonly channel: number }[];
}

/** Visits the groups of x. Statistics, where given, are taken as they are and exact. */
export function eachGroup(
  x: NdArray,
  statistics: NdArray | undefined,
  attributes: GroupNormAttributes,
  visit: (group: Group) => void,
): void {
  const { images, pixels, channels, groups, eps } = groupSizes(x.shape, attributes);
  const [perGroup, all] = [channels / groups, images * groups];
  for (let at = 0; at < all && perGroup > 0; at++) {
    const [image, group] = [Math.floor(at / groups), at % groups];
    const places = Array.from({ length: pixels * perGroup }, (_, i) => {
      const channel = group * perGroup + (i % perGroup);
      return { index: (image * pixels + Math.floor(i / perGroup)) * channels + channel, channel };
    });
    const values = places.map(({ index }) => x.data[index] ?? 0);
    const count = Math.max(1, values.length);
    const total = (of: (value: number) => number) => values.reduce((sum, value) => sum + of(value), 0);
    const mean = statistics ? (statistics.data[at] ?? 0) : total((value) => value) / count;
    const sum = statistics ? (statistics.data[all + at] ?? 0) : total((value) => (value - mean) ** 2);
    // The mean is off by a rounding error of its sum, which all differences inherit; the sum of squares by its own, by
    // those of the differences and by the square of the mean's error.
    const root = 4 * epsilon * Math.sqrt(count);
    const meanError = statistics ? 0 : (root * total(Math.abs)) / count;
    const rounding = total((value) => 2 * epsilon * Math.abs(value * (value - mean)));
    const sumError = statistics ? 0 : (root + 4 * epsilon) * sum + rounding + count * meanError ** 2;
    const scale = 1 / Math.sqrt(sum / count + eps);
    const scaleError = (sumError / count) * scale ** 2 + 8 * epsilon;
    visit({ image, at, all, mean, meanError, sum, sumError, scale, scaleError, places });
  }
}

/** Normalised values, and what float32 is off by. */
export function normalised(x: NdArray, { mean, meanError, scale, scaleError, places }: Group) {
  return places.map(({ index }) => {
    const value = x.data[index] ?? 0;
    const difference = Math.abs(value - mean);
    const error = meanError + epsilon * Math.abs(value) + (scaleError + 4 * epsilon) * difference;
    return { n: (value - mean) * scale, error: error * scale };
  });
}

/** [x, weight, bias, statistics?] → the normalised x, with bounds. */
export function applied(inputs: Operands<NdArray>, attributes: GroupNormAttributes) {
  const [x, weight, bias] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
  const data = new Float64Array(x.data.length);
  const bound = new Float64Array(x.data.length);
  eachGroup(x, inputs[3], attributes, (group) => {
    const values = normalised(x, group);
    group.places.forEach(({ index, channel }, i) => {
      const { n, error } = values[i] ?? { n: 0, error: 0 };
      const [gain, offset] = [weight.data[channel] ?? 0, bias.data[channel] ?? 0];
      data[index] = n * gain + offset;
      bound[index] = error * Math.abs(gain) + 2 * epsilon * Math.abs(offset);
    });
  });
  return { data, bound };
}

/** [x, gradient, statistics?] → [images, 2, channels]: Σ gradient · n and Σ gradient, with bounds. */
export function groupSums(inputs: Operands<NdArray>, attributes: GroupNormAttributes) {
  const [x, gradient] = [required(inputs, 0), required(inputs, 1)];
  const { images, channels, pixels } = groupSizes(x.shape, attributes);
  const data = new Float64Array(images * 2 * channels);
  const bound = new Float64Array(data.length);
  const sumError = 4 * epsilon * Math.sqrt(pixels + 4);
  eachGroup(x, inputs[2], attributes, (group) => {
    const values = normalised(x, group);
    group.places.forEach(({ index, channel }, i) => {
      const { n, error } = values[i] ?? { n: 0, error: 0 };
      const g = gradient.data[index] ?? 0;
      const along = 2 * group.image * channels + channel;
      const plain = along + channels;
      data[along] = (data[along] ?? 0) + g * n;
      data[plain] = (data[plain] ?? 0) + g;
      bound[along] = (bound[along] ?? 0) + Math.abs(g) * (error + sumError * Math.abs(n));
      bound[plain] = (bound[plain] ?? 0) + sumError * Math.abs(g);
    });
  });
  return { shape: [images, 2, channels], data, bound };
}

/** [x, weight, gradient, statistics?, sums?] → gradient of x, with bounds. Sums, where given, are exact. */
export function groupGradient(inputs: Operands<NdArray>, attributes: GroupNormAttributes) {
  const [x, weight, gradient] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
  const { channels, groups } = groupSizes(x.shape, attributes);
  const sums = inputs[4]
    ? { ...inputs[4], bound: undefined }
    : groupSums([x, gradient, inputs[3]], attributes);
  const data = new Float64Array(x.data.length);
  const bound = new Float64Array(x.data.length);
  const rounding = 4 * epsilon * (Math.sqrt(channels / groups) + 2);
  eachGroup(x, inputs[3], attributes, (group) => {
    const { image, scale, scaleError, places } = group;
    const members = [...new Set(places.map(({ channel }) => channel))];
    const mean = (part: number, of: (w: number, at: number) => number) => {
      const terms = members.map((c) => of(weight.data[c] ?? 0, (2 * image + part) * channels + c));
      return terms.reduce((sum, term) => sum + term, 0) / places.length;
    };
    const [slope, shift] = [0, 1].map((part) => mean(part, (w, at) => w * (sums.data[at] ?? 0)));
    const [slopeError, shiftError] = [0, 1].map((part) =>
      mean(
        part,
        (w, at) => Math.abs(w) * ((sums.bound?.[at] ?? 0) + rounding * Math.abs(sums.data[at] ?? 0)),
      ),
    );
    const values = normalised(x, group);
    places.forEach(({ index, channel }, i) => {
      const { n, error } = values[i] ?? { n: 0, error: 0 };
      const h = (gradient.data[index] ?? 0) * (weight.data[channel] ?? 0);
      const [m, s] = [slope ?? 0, shift ?? 0];
      data[index] = scale * (h - s - n * m);
      const terms = Math.abs(h) + Math.abs(s) + Math.abs(n * m);
      const errors =
        (shiftError ?? 0) + Math.abs(n) * (slopeError ?? 0) + error * (Math.abs(m) + (slopeError ?? 0));
      bound[index] = scale * (errors + (6 * epsilon + scaleError) * terms);
    });
  });
  return { shape: x.shape, data, bound };
}
