import { ShapeError } from '@lua-webgpu/kernels';
import type { DType } from './dtype.ts';

export type Shape = readonly number[];

/** What is known of a tensor without its values. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Number of elements; 1 for rank 0. */
export const elements = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/**
 * Size of one axis; negative axes count from the end.
 * @throws ShapeError `shape-rank`
 */
export function sizeOf(shape: Shape, axis: number): number {
  const size = shape[axis < 0 ? shape.length + axis : axis];
  if (size === undefined) {
    throw new ShapeError(
      'shape-rank',
      `${formatShape(shape)} has no axis ${axis}`,
      'Pass a tensor of the rank that the op documents.',
    );
  }
  return size;
}

/**
 * [batch, height, width, channels] of a shape of rank 4.
 * @throws ShapeError `shape-rank`
 */
export function imageSizes(shape: Shape): readonly [number, number, number, number] {
  requireRank('image', 'x', shape, 4);
  return [sizeOf(shape, 0), sizeOf(shape, 1), sizeOf(shape, 2), sizeOf(shape, 3)];
}

/** @throws ShapeError `shape-rank` unless the shape has this rank */
export function requireRank(op: string, operand: string, shape: Shape, rank: number): void {
  if (shape.length === rank) return;
  throw new ShapeError(
    'shape-rank',
    `${op}: ${operand} has shape ${formatShape(shape)}, rank ${rank} is needed`,
    'Reshape the tensor first.',
  );
}

/** @throws ShapeError `dtype-mismatch` unless the operand has one of these dtypes */
export function requireDType(op: string, operand: string, dtype: DType, ...allowed: DType[]): void {
  if (allowed.includes(dtype)) return;
  throw new ShapeError(
    'dtype-mismatch',
    `${op}: ${operand} is ${dtype}, not ${allowed.join(' or ')}`,
    'Use cast() first.',
  );
}

/** @throws ShapeError `shape-invalid` unless every size is a non-negative integer and the rank at most 5 */
export function checkShape(shape: Shape): void {
  if (shape.length <= 5 && shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return;
  throw new ShapeError(
    'shape-invalid',
    `${formatShape(shape)} is no tensor shape`,
    'Use up to five sizes, integers from 0.',
  );
}
