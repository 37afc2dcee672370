import { ShapeError } from '@lua-webgpu/kernels';
import { formatShape, type Shape } from '../core/index.ts';

export interface ReduceAttributes {
  /** Axes to reduce; negative ones count from the end, undefined means all. */
  readonly axes: readonly number[] | undefined;
  /** Whether reduced axes stay, with size 1. */
  readonly keepDims: boolean;
}

/** The axes as ascending indices. @throws ShapeError `attribute-invalid` */
export function resolveAxes(op: string, shape: Shape, { axes }: ReduceAttributes): number[] {
  if (!axes) return shape.map((_, axis) => axis);
  const resolved = axes.map((axis) => (axis < 0 ? shape.length + axis : axis));
  const valid = resolved.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < shape.length);
  if (valid && new Set(resolved).size === resolved.length) return resolved.toSorted((a, b) => a - b);
  throw new ShapeError(
    'attribute-invalid',
    `${op}: ${formatShape(shape)} cannot be reduced over the axes ${formatShape(axes)}`,
    'Pass distinct axes that the tensor has.',
  );
}

/** The shape of a reduction's result. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  const sizes = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return keepDims ? sizes : sizes.filter((_, axis) => !axes.includes(axis));
}
