import { copyFamily, permute as record, ShapeError } from '@lua-webgpu/kernels';
import { formatShape, requireDType, type Shape, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { stridesOf, takeStrided } from './strided-reference.ts';

export interface PermuteAttributes {
  readonly axes: readonly number[];
}

export const permuteOp: OpDefinition<PermuteAttributes> = {
  name: 'permute',
  families: [copyFamily.name],

  infer(inputs, { axes }) {
    const x = required(inputs, 0);
    requireDType('permute', 'x', x.dtype, 'f32', 'i32', 'u32');
    const sorted = axes.toSorted((a, b) => a - b);
    if (axes.length !== x.shape.length || !sorted.every((axis, index) => axis === index)) {
      throw new ShapeError(
        'attribute-invalid',
        `permute: ${formatShape(axes)} does not order the axes of ${formatShape(x.shape)}`,
        'Name every axis once, counted from 0.',
      );
    }
    return { shape: permuted(x.shape, axes), dtype: x.dtype };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    record(device, { x: x.buffer, out: out.buffer }, { sizes: x.shape, axes: attributes.axes });
  },

  reference(inputs, { axes }) {
    const x = required(inputs, 0);
    return takeStrided(x, permuted(x.shape, axes), 0, permuted(stridesOf(x.shape), axes));
  },

  samples: [
    { inputs: [[5, 7]], attributes: { axes: [1, 0] } },
    { inputs: [[2, 3, 5, 8]], attributes: { axes: [0, 2, 1, 3] } },
    { inputs: [[2, 3, 5, 8]], attributes: { axes: [0, 2, 3, 1] } },
    { inputs: [[2, 3, 5, 8]], attributes: { axes: [3, 2, 1, 0] } },
    { inputs: [[2, 3, 4, 5, 6]], attributes: { axes: [4, 2, 0, 3, 1] } },
    { inputs: [[2, 3, 2, 3, 4]], attributes: { axes: [1, 3, 0, 2, 4] } },
    { inputs: [[2, 3, 4, 5, 6]], attributes: { axes: [0, 1, 2, 3, 4] } },
    { name: 'sizes of 1', inputs: [[1, 6, 1, 4]], attributes: { axes: [3, 2, 1, 0] } },
    { name: 'several workgroups', inputs: [[31, 37]], attributes: { axes: [1, 0] } },
    { name: 'rank 0', inputs: [[]], attributes: { axes: [] } },
    { name: 'empty', inputs: [[3, 0, 2]], attributes: { axes: [2, 0, 1] } },
  ],

  refusals: [
    { code: 'attribute-invalid', inputs: [[2, 3]], attributes: { axes: [0] } },
    { code: 'attribute-invalid', inputs: [[2, 3]], attributes: { axes: [0, 0] } },
    { code: 'attribute-invalid', inputs: [[2, 3]], attributes: { axes: [0, 2] } },
    { code: 'attribute-invalid', inputs: [[2, 3]], attributes: { axes: [-1, 0] } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, gradient, attributes: { axes } }) => [ops.permute(gradient, inverse(axes))],

    reference(inputs, { axes }, cotangent) {
      const back = inverse(axes);
      const strides = permuted(stridesOf(cotangent.shape), back);
      return [takeStrided(cotangent, required(inputs, 0).shape, 0, strides)];
    },

    tolerance: () => [0],
  },
};

const permuted = (values: Shape, axes: readonly number[]): number[] => axes.map((axis) => values[axis] ?? 0);

/** Where each axis went. */
const inverse = (axes: readonly number[]): number[] => axes.map((_, axis) => axes.indexOf(axis));

/**
 * Axis k of the result is axis `axes[k]` of x. f32, i32 or u32 of any rank.
 * @throws ShapeError `attribute-invalid` unless `axes` names every axis once, `dtype-mismatch`
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  return apply(permuteOp, [x], { axes });
}
