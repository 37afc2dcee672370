import { type GridSampleMode, ShapeError } from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, type TensorSpec } from '../core/index.ts';
import type { NdArray } from './define.ts';
import { epsilon } from './tolerance.ts';

export interface GridSampleAttributes {
  readonly mode: GridSampleMode;
}

/** The weight of a value on an axis, and its first and second derivative by the position in pixels. */
interface Weight {
  readonly weight: number;
  readonly slope: number;
  readonly curvature: number;
}

/** A value that a grid point reads. */
interface Tap {
  /** Index of the point among all of the grid, of the pixel among all of x. */
  readonly point: number;
  readonly pixel: number;
  readonly across: Weight;
  readonly down: Weight;
}

/** A grid that also points at the border and outside, as `[1, count / 4, 4, 2]`. */
export function wideGrid(count: number): NdArray {
  const special = [-1, 1, -1.2, 1.3, 40, -1e6, 1e30, 0.111];
  const at = (i: number) =>
    i % 5 === 4 ? (special[i % 8] ?? 0) : 2.8 * ((i * 0.6180339887498949) % 1) - 1.4;
  return { shape: [1, count / 4, 4, 2], data: Float64Array.from({ length: 2 * count }, (_, i) => at(i)) };
}

/** The grid [1, rows, columns, 2] of a resize, in which neighbours read neighbours. */
export function orderedGrid(rows: number, columns: number): NdArray {
  const data = Float64Array.from({ length: 2 * rows * columns }, (_, i) => {
    const point = i >> 1;
    return i % 2 === 0
      ? (2 * (point % columns) + 1) / columns - 1
      : (2 * Math.floor(point / columns) + 1) / rows - 1;
  });
  return { shape: [1, rows, columns, 2], data };
}

/**
 * Checks an image and a grid.
 * @returns shape of the sampled values
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function sampledShape(op: string, x: TensorSpec, grid: TensorSpec, mode: GridSampleMode): Shape {
  for (const [name, { dtype, shape }] of Object.entries({ x, grid })) {
    requireDType(op, name, dtype, 'f32');
    requireRank(op, name, shape, 4);
  }
  if (mode !== 'nearest' && mode !== 'bilinear' && mode !== 'bicubic') {
    throw new ShapeError(
      'attribute-invalid',
      `${op}: no mode ${mode}`,
      "Pass 'nearest', 'bilinear' or 'bicubic'.",
    );
  }
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  const [grids = 0, rows = 0, columns = 0, coordinates = 0] = grid.shape;
  if (grids !== batch || coordinates !== 2 || height * width === 0) {
    throw new ShapeError(
      'shape-mismatch',
      `${op}: x ${formatShape(x.shape)}, grid ${formatShape(grid.shape)}`,
      'Pass images that are not empty and for each a grid [Ho, Wo, 2].',
    );
  }
  return [batch, rows, columns, channels];
}

/** The cubic convolution kernel (Keys 1981) with a = −0.75 at a distance, and its derivatives. */
function cubic(distance: number): Weight {
  const x = Math.abs(distance);
  const sign = Math.sign(distance);
  if (x >= 2) return { weight: 0, slope: 0, curvature: 0 };
  if (x > 1) {
    return {
      weight: -0.75 * (x ** 3 - 5 * x ** 2 + 8 * x - 4),
      slope: sign * -0.75 * (3 * x ** 2 - 10 * x + 8),
      curvature: -0.75 * (6 * x - 10),
    };
  }
  return {
    weight: 1.25 * x ** 3 - 2.25 * x ** 2 + 1,
    slope: sign * (3.75 * x ** 2 - 4.5 * x),
    curvature: 7.5 * x - 4.5,
  };
}

/** Weights of the values of an axis of `size` that a grid coordinate reads, by index. */
function axisWeights(coordinate: number, size: number, mode: GridSampleMode): (readonly [number, Weight])[] {
  const at = ((coordinate + 1) * size - 1) / 2;
  const below = Math.floor(at);
  const taps = { nearest: [0], bilinear: [0, 1], bicubic: [-1, 0, 1, 2] }[mode];
  return taps.flatMap((offset) => {
    const index = mode === 'nearest' ? halfToEven(at) : below + offset;
    if (!(index >= 0 && index < size)) return [];
    if (mode === 'bicubic') return [[index, cubic(at - index)]];
    const weight = mode === 'nearest' ? 1 : 1 - Math.abs(at - index);
    const slope = mode === 'nearest' ? 0 : 2 * offset - 1;
    return [[index, { weight, slope, curvature: 0 }]];
  });
}

function halfToEven(at: number): number {
  const nearest = Math.round(at);
  return nearest - at === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

function visitTaps(x: Shape, grid: NdArray, mode: GridSampleMode, visit: (tap: Tap) => void): void {
  const [batch = 0, height = 0, width = 0] = x;
  const points = grid.data.length / 2;
  for (let point = 0; point < points; point++) {
    const image = Math.floor(point / (points / batch));
    const columns = axisWeights(grid.data[2 * point] ?? 0, width, mode);
    for (const [row, down] of axisWeights(grid.data[2 * point + 1] ?? 0, height, mode)) {
      for (const [column, across] of columns) {
        visit({ point, pixel: (image * height + row) * width + column, across, down });
      }
    }
  }
}

/** How far a position in pixels may be off in float32. */
const slack = (size = 0) => 4 * epsilon * (size + 2);

/** How far the product of a tap's weights may be off: by the positions, and by the rounding of the polynomials. */
function weightError({ across, down }: Tap, [, height, width]: Shape, mode: GridSampleMode): number {
  if (mode === 'nearest') return 0;
  const byPosition =
    Math.abs(across.slope * down.weight) * slack(width) +
    Math.abs(across.weight * down.slope) * slack(height);
  return byPosition + 16 * epsilon * (Math.abs(across.weight) + Math.abs(down.weight));
}

const rounding = (length: number, product: number) => 4 * epsilon * Math.sqrt(length) * Math.abs(product);

/** Adds `value(tap, channel)` at an index of `length` results for every tap and channel. */
function gathered(
  length: number,
  [x, grid, mode]: readonly [Shape, NdArray, GridSampleMode],
  channels: number,
  add: (out: Float64Array, tap: Tap, channel: number) => void,
): Float64Array {
  const out = new Float64Array(length);
  visitTaps(x, grid, mode, (tap) => {
    for (let channel = 0; channel < channels; channel++) add(out, tap, channel);
  });
  return out;
}

const addTo = (out: Float64Array, at: number, value: number) => {
  out[at] = (out[at] ?? 0) + value;
};

/** Float64 samples, or with `bounds` their error bounds. */
export function sampleReference(x: NdArray, grid: NdArray, mode: GridSampleMode, bounds = false): NdArray {
  const channels = x.shape[3] ?? 0;
  const shape = [...grid.shape.slice(0, 3), channels];
  const length = (grid.data.length / 2) * channels;
  const data = gathered(length, [x.shape, grid, mode], channels, (out, tap, c) => {
    const weight = tap.across.weight * tap.down.weight;
    const value = x.data[tap.pixel * channels + c] ?? 0;
    const bound = Math.abs(value) * weightError(tap, x.shape, mode) + rounding(16, weight * value);
    addTo(out, tap.point * channels + c, bounds ? (mode === 'nearest' ? 0 : bound) : weight * value);
  });
  return { shape, data };
}

/** Float64 gradient of x, or with `bounds` its error bounds. */
export function inputGradientReference(
  shape: Shape,
  grid: NdArray,
  cotangent: NdArray,
  mode: GridSampleMode,
  bounds = false,
): NdArray {
  const channels = shape[3] ?? 0;
  const readers = grid.data.length / 2;
  const length = shape.reduce((a, b) => a * b, 1);
  const data = gathered(length, [shape, grid, mode], channels, (out, tap, c) => {
    const weight = tap.across.weight * tap.down.weight;
    const g = cotangent.data[tap.point * channels + c] ?? 0;
    const bound = Math.abs(g) * weightError(tap, shape, mode) + rounding(readers, weight * g);
    addTo(out, tap.pixel * channels + c, bounds ? bound : weight * g);
  });
  return { shape, data };
}

/** Float64 gradient of the grid, or with `bounds` its error bounds. */
export function gridGradientReference(
  x: NdArray,
  grid: NdArray,
  cotangent: NdArray,
  mode: GridSampleMode,
  bounds = false,
): NdArray {
  const [, height = 0, width = 0, channels = 0] = x.shape;
  const off = (along: Weight, other: Weight, size: number, otherSize: number) =>
    Math.abs(along.curvature * other.weight) * slack(size) +
    Math.abs(along.slope * other.slope) * slack(otherSize) +
    32 * epsilon * (Math.abs(along.slope) + Math.abs(other.weight)) +
    rounding(16 * channels, along.slope * other.weight);
  const data = gathered(grid.data.length, [x.shape, grid, mode], channels, (out, tap, c) => {
    const { across, down, point } = tap;
    const product = (x.data[tap.pixel * channels + c] ?? 0) * (cotangent.data[point * channels + c] ?? 0);
    const byX = bounds ? off(across, down, width, height) : across.slope * down.weight;
    const byY = bounds ? off(down, across, height, width) : down.slope * across.weight;
    const size = bounds ? Math.abs(product) : product;
    addTo(out, 2 * point, (width / 2) * size * byX);
    addTo(out, 2 * point + 1, (height / 2) * size * byY);
  });
  return { shape: grid.shape, data };
}
