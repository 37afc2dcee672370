import { type GatherShape, ShapeError } from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, type Shape, type TensorSpec } from '../core/index.ts';
import type { NdArray } from './define.ts';

/** The axis, counted from the front. @throws ShapeError `attribute-invalid` */
export function gatherAxis(op: string, shape: Shape, axis: number): number {
  const along = axis < 0 ? shape.length + axis : axis;
  if (Number.isInteger(along) && along >= 0 && along < shape.length) return along;
  throw new ShapeError(
    'attribute-invalid',
    `${op}: ${formatShape(shape)} has no axis ${axis}`,
    'Pass an axis that the tensor has; negative ones count from the end.',
  );
}

/**
 * @param x what is taken from, or added up
 * @throws ShapeError `dtype-mismatch`, `shape-mismatch` unless index is a list, or of x's shape but for the axis
 */
export function checkIndex(op: string, x: TensorSpec, index: TensorSpec, along: number): void {
  requireDType(op, 'index', index.dtype, 'i32', 'u32');
  const alike = (size: number, k: number) => k === along || size === index.shape[k];
  if (index.shape.length === 1 || (index.shape.length === x.shape.length && x.shape.every(alike))) return;
  throw new ShapeError(
    'shape-mismatch',
    `${op}: index ${formatShape(index.shape)} does not fit ${formatShape(x.shape)} along axis ${along}`,
    'Pass a list [n], or an index whose other sizes are those of the tensor.',
  );
}

/** The shape with another size along the axis: that of the index, or a given one. */
export const resized = (shape: Shape, along: number, size: number): Shape => shape.with(along, size);

/** Rows that an index has along the axis. */
export const rowsOf = (index: Shape, along: number): number => index[index.length === 1 ? 0 : along] ?? 0;

/** The three axes that the kernels see. */
export function layoutOf(whole: Shape, index: Shape, along: number): GatherShape {
  return {
    outer: elements(whole.slice(0, along)),
    size: whole[along] ?? 0,
    rows: rowsOf(index, along),
    columns: elements(whole.slice(along + 1)),
    shared: index.length === 1,
  };
}

/** Calls back with the offset of every row's element and that of the place that its index names, in ascending order. */
export function eachTaken(
  { outer, size, rows, columns, shared }: GatherShape,
  index: NdArray,
  visit: (row: number, place: number | undefined) => void,
): void {
  for (let o = 0; o < outer; o++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const row = (o * rows + r) * columns + c;
        const at = index.data[shared ? r : row] ?? Number.NaN;
        const inside = at >= 0 && at < size;
        visit(row, inside ? (o * size + at) * columns + c : undefined);
      }
    }
  }
}
