import { elements, type Shape } from '../core/index.ts';
import type { NdArray } from './define.ts';

/** Contiguous strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => elements(shape.slice(axis + 1)));
}

/** Float64 reference of strided copies: out[c] = x.data[first + Σ c·strides]. */
export function takeStrided(x: NdArray, shape: Shape, first: number, strides: readonly number[]): NdArray {
  const data = Float64Array.from({ length: elements(shape) }, (_, index) => {
    let rest = index;
    let at = first;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1;
      at += (rest % size) * (strides[axis] ?? 0);
      rest = Math.floor(rest / size);
    }
    return x.data[at] ?? Number.NaN;
  });
  return { shape, data };
}

/** Float64 reference of an array inside zeros: its adjoint takes the box that begins at `starts`. */
export function embedArray(x: NdArray, shape: Shape, starts: readonly number[]): NdArray {
  const strides = stridesOf(shape);
  const data = new Float64Array(elements(shape));
  x.data.forEach((value, index) => {
    let rest = index;
    let at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = x.shape[axis] ?? 1;
      at += ((starts[axis] ?? 0) + (rest % size)) * (strides[axis] ?? 0);
      rest = Math.floor(rest / size);
    }
    data[at] = value;
  });
  return { shape, data };
}
