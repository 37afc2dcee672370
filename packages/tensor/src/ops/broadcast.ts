import { elements, type Shape, sameShape, type Tensor } from '../core/index.ts';
import type { NdArray, Ops } from './define.ts';

/** The values of an array on a larger shape, by NumPy's rules. */
export function repeat({ data, shape }: NdArray, to: Shape): Float64Array {
  const at = placesIn(shape, to);
  return Float64Array.from({ length: elements(to) }, (_, index) => data[at(index)] ?? Number.NaN);
}

/** The adjoint of `repeat`: the values of an array on a larger shape, added up where they come from one place. */
export function sumTo({ data, shape }: NdArray, to: Shape): NdArray {
  const at = placesIn(to, shape);
  const sums = new Float64Array(elements(to));
  data.forEach((value, index) => {
    sums[at(index)] = (sums[at(index)] ?? 0) + value;
  });
  return { shape: to, data: sums };
}

/** The same of a tensor, by `ops.sum`. */
export function sumTensorTo(ops: Ops, x: Tensor, to: Shape): Tensor {
  if (sameShape(x.shape, to)) return x;
  const added = x.shape.length - to.length;
  const axes = x.shape.flatMap((size, axis) => (axis < added || size !== to[axis - added] ? [axis] : []));
  return (axes.length > 0 ? ops.sum(x, { axes }) : x).reshape(to);
}

/** For an index on the larger shape, the index on the smaller one that is repeated there. */
function placesIn(small: Shape, large: Shape): (index: number) => number {
  return (index) => {
    let rest = index;
    let at = 0;
    let stride = 1;
    for (let fromInnermost = 1; fromInnermost <= large.length; fromInnermost++) {
      const size = large.at(-fromInnermost) ?? 1;
      const own = fromInnermost <= small.length ? (small.at(-fromInnermost) ?? 1) : 1;
      if (own > 1) at += (rest % size) * stride;
      rest = Math.floor(rest / size);
      stride *= own;
    }
    return at;
  };
}
