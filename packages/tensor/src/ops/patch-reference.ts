import { ShapeError } from '@lua-webgpu/kernels';
import { requireDType, requireRank, type Shape, type TensorSpec } from '../core/index.ts';
import type { NdArray } from './define.ts';
import { epsilon } from './tolerance.ts';

export interface PatchVarianceAttributes {
  /** Side of a patch. */
  readonly size: number;
}

/**
 * Shape of the variances of x.
 * @throws ShapeError `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function patchShape(op: string, x: TensorSpec, size: number): Shape {
  requireDType(op, 'x', x.dtype, 'f32');
  requireRank(op, 'x', x.shape, 4);
  if (!Number.isSafeInteger(size) || size < 2) {
    throw new ShapeError(
      'attribute-invalid',
      `${op}: patches of size ${size}`,
      'Pass a whole number from 2: one value has no unbiased variance.',
    );
  }
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  return [batch, Math.floor(height / size), Math.floor(width / size), channels];
}

/** The values of one patch: where they stand in x, their mean and that of their magnitudes. */
interface Patch {
  readonly places: readonly number[];
  readonly mean: number;
  readonly magnitude: number;
}

function patchesOf(x: NdArray, size: number): Patch[] {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  const [rows, columns] = [Math.floor(height / size), Math.floor(width / size)];
  return Array.from({ length: batch * rows * columns * channels }, (_, index) => {
    const channel = index % channels;
    const pixel = Math.floor(index / channels);
    const row = Math.floor(pixel / columns);
    const top = Math.floor(row / rows) * height + (row % rows) * size;
    const places = Array.from({ length: size * size }, (_, k) => {
      const line = top + Math.floor(k / size);
      return (line * width + (pixel % columns) * size + (k % size)) * channels + channel;
    });
    const values = places.map((place) => x.data[place] ?? 0);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const magnitude = values.reduce((a, b) => a + Math.abs(b), 0) / values.length;
    return { places, mean, magnitude };
  });
}

/** Float64 variances, divided by size² − 1. */
export function varianceReference(x: NdArray, size: number): NdArray {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  const data = patchesOf(x, size).map(({ places, mean }) => {
    const squares = places.map((place) => ((x.data[place] ?? 0) - mean) ** 2);
    return squares.reduce((a, b) => a + b, 0) / (size * size - 1);
  });
  const shape = [batch, Math.floor(height / size), Math.floor(width / size), channels];
  return { shape, data: Float64Array.from(data) };
}

/** Float64 gradient of Σ cotangent · variance. */
export function varianceGradientReference(x: NdArray, cotangent: NdArray, size: number): NdArray {
  const data = new Float64Array(x.data.length);
  for (const [index, { places, mean }] of patchesOf(x, size).entries()) {
    const factor = (2 * (cotangent.data[index] ?? 0)) / (size * size - 1);
    for (const place of places) data[place] = factor * ((x.data[place] ?? 0) - mean);
  }
  return { shape: x.shape, data };
}

/** Error of a mean in float32: a sum that is rounded size² times. */
const meanError = ({ places, magnitude }: Patch) => 4 * epsilon * Math.sqrt(places.length) * magnitude;

/** Error bound of the variances: the sum of squares has its own, and a mean that is off adds the square of that. */
export function varianceBound(x: NdArray, size: number): Float64Array {
  const { data } = varianceReference(x, size);
  const relative = 4 * epsilon * Math.sqrt(size * size + 4);
  return Float64Array.from(
    patchesOf(x, size),
    (patch, i) => relative * (data[i] ?? 0) + 2 * meanError(patch) ** 2,
  );
}

/** Error bound of the gradient: that of the mean, and of three roundings. */
export function varianceGradientBound(x: NdArray, cotangent: NdArray, size: number): Float64Array {
  const bound = new Float64Array(x.data.length);
  for (const [index, patch] of patchesOf(x, size).entries()) {
    const factor = (2 * Math.abs(cotangent.data[index] ?? 0)) / (size * size - 1);
    for (const place of patch.places) {
      const away = Math.abs((x.data[place] ?? 0) - patch.mean);
      bound[place] = factor * (meanError(patch) + 6 * epsilon * away);
    }
  }
  return bound;
}
