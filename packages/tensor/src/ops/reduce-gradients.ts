import type { Reduction } from '@lua-webgpu/kernels';
import { elements, type Shape, sizeOf, type Tensor } from '../core/index.ts';
import { repeat } from './broadcast.ts';
import { type NdArray, type Ops, required, type Sample, type Vjp } from './define.ts';
import { type ReduceAttributes, reducedShape, resolveAxes } from './reduced-axes.ts';
import { ulpBound } from './tolerance.ts';

/**
 * How a reduction passes gradients back: of sum and mean to all elements alike, of max and min to the first extremal
 * element in row-major order.
 */
export function reductionVjp(
  name: Reduction,
  samples: readonly Sample<ReduceAttributes>[],
): Vjp<ReduceAttributes> {
  const extremal = name === 'max' || name === 'min';
  return {
    saves: extremal ? { inputs: [0] } : {},

    run({ ops, inputs, specs, gradient, attributes }) {
      const { shape } = required(specs, 0);
      const axes = resolveAxes(name, shape, attributes);
      if (extremal) return [toExtrema(ops, name, required(inputs, 0), gradient, axes)];
      const each =
        name === 'mean' ? ops.affine(gradient, { scale: 1 / termsOf(shape, axes), offset: 0 }) : gradient;
      return [ops.expand(each.reshape(reducedShape(shape, axes, true)), shape)];
    },

    reference(inputs, attributes, cotangent) {
      const x = required(inputs, 0);
      const axes = resolveAxes(name, x.shape, attributes);
      const share = name === 'mean' ? 1 / termsOf(x.shape, axes) : 1;
      const data = repeat({ data: cotangent.data, shape: reducedShape(x.shape, axes, true) }, x.shape);
      if (!extremal) return [{ shape: x.shape, data: data.map((value) => value * share) }];
      return [{ shape: x.shape, data: keepFirst(name, x, data, axes) }];
    },

    tolerance: (_inputs, _attributes, _cotangent, [expected]) => [
      // The share of an element is rounded, and so is its product with the gradient.
      name === 'mean' ? ulpBound(1.5, required([expected], 0), 2 ** -126) : 0,
    ],

    samples: samples.filter(({ inputs }) => elements(inputs[0] as Shape) < 10_000),
  };
}

const termsOf = (shape: Shape, axes: readonly number[]): number =>
  elements(axes.map((axis) => sizeOf(shape, axis)));

function toExtrema(
  ops: Ops,
  name: 'max' | 'min',
  x: Tensor,
  gradient: Tensor,
  axes: readonly number[],
): Tensor {
  const kept = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const order = [...kept, ...axes];
  const inOrder = order.every((axis, place) => axis === place);
  const ordered = inOrder ? x : ops.permute(x, order);
  const rows = gradient.size;
  const matrix = ordered.reshape([rows, termsOf(x.shape, axes)]);
  const placed = ops.extremumGradient(matrix, gradient.reshape([rows]), name).reshape(ordered.shape);
  if (inOrder) return placed;
  return ops.permute(
    placed,
    order.map((_, axis) => order.indexOf(axis)),
  );
}

/** The values at the first extremal element of each reduction, zeros elsewhere. */
function keepFirst(
  name: 'max' | 'min',
  x: NdArray,
  values: Float64Array,
  axes: readonly number[],
): Float64Array {
  const small = reducedShape(x.shape, axes, true);
  const places = Float64Array.from({ length: elements(small) }, (_, i) => i);
  const resultOf = repeat({ data: places, shape: small }, x.shape);
  const firsts = new Map<number, number>();
  x.data.forEach((value, index) => {
    const result = resultOf[index] as number;
    const first = firsts.get(result);
    const before = first === undefined ? undefined : (x.data[first] as number);
    if (before === undefined || (name === 'max' ? value > before : value < before)) firsts.set(result, index);
  });
  const winners = new Set(firsts.values());
  return values.map((value, index) => (winners.has(index) ? value : 0));
}
