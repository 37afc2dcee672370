import { copyFamily, slice as record, ShapeError } from '@lua-webgpu/kernels';
import { formatShape, requireDType, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { embedArray, stridesOf, takeStrided } from './strided-reference.ts';

export interface SliceAttributes {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
}

export const sliceOp: OpDefinition<SliceAttributes> = {
  name: 'slice',
  families: [copyFamily.name],

  infer(inputs, { starts, sizes }) {
    const x = required(inputs, 0);
    requireDType('slice', 'x', x.dtype, 'f32', 'i32', 'u32');
    const rank = x.shape.length;
    const inside = x.shape.every((size, axis) => {
      const start = starts[axis] ?? -1;
      const count = sizes[axis] ?? -1;
      return (
        Number.isInteger(start) &&
        Number.isInteger(count) &&
        start >= 0 &&
        count >= 0 &&
        start + count <= size
      );
    });
    if (starts.length !== rank || sizes.length !== rank || !inside) {
      throw new ShapeError(
        'attribute-invalid',
        `slice: ${formatShape(sizes)} from ${formatShape(starts)} on does not lie in ${formatShape(x.shape)}`,
        'Pass a start and a size for every axis, inside the tensor.',
      );
    }
    return { shape: sizes, dtype: x.dtype };
  },

  forward({ device, inputs, out, attributes: { starts, sizes } }) {
    const x = required(inputs, 0);
    record(device, { x: x.buffer, out: out.buffer }, { xSizes: x.shape, starts, sizes });
  },

  reference(inputs, { starts, sizes }) {
    const x = required(inputs, 0);
    const strides = stridesOf(x.shape);
    const first = starts.reduce((sum, start, axis) => sum + start * (strides[axis] ?? 0), 0);
    return takeStrided(x, sizes, first, strides);
  },

  samples: [
    { inputs: [[2, 6, 8, 4]], attributes: { starts: [0, 1, 3, 0], sizes: [2, 4, 5, 4] } },
    { inputs: [[2, 6, 8, 12]], attributes: { starts: [1, 0, 2, 4], sizes: [1, 6, 3, 8] } },
    {
      name: 'odd channels',
      inputs: [[2, 6, 8, 5]],
      attributes: { starts: [0, 1, 3, 2], sizes: [2, 4, 5, 3] },
    },
    { name: 'one element', inputs: [[3, 5]], attributes: { starts: [2, 3], sizes: [1, 1] } },
    { name: 'a column', inputs: [[5, 7]], attributes: { starts: [1, 6], sizes: [3, 1] } },
    { name: 'whole', inputs: [[3, 5, 4]], attributes: { starts: [0, 0, 0], sizes: [3, 5, 4] } },
    { name: 'one run', inputs: [[5, 3, 4]], attributes: { starts: [2, 0, 0], sizes: [2, 3, 4] } },
    {
      name: 'five axes',
      inputs: [[3, 3, 3, 3, 3]],
      attributes: { starts: [1, 0, 1, 0, 1], sizes: [2, 2, 2, 2, 2] },
    },
    { name: 'rank 0', inputs: [[]], attributes: { starts: [], sizes: [] } },
    { name: 'empty', inputs: [[3, 5]], attributes: { starts: [3, 0], sizes: [0, 5] } },
  ],

  refusals: [
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { starts: [0], sizes: [3] } },
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { starts: [0, 0], sizes: [3, 6] } },
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { starts: [-1, 0], sizes: [1, 5] } },
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { starts: [0, 0.5], sizes: [1, 1] } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, specs, gradient, attributes: { starts } }) => [
      ops.embed(gradient, { shape: required(specs, 0).shape, starts }),
    ],
    reference: (inputs, { starts }, cotangent) => [embedArray(cotangent, required(inputs, 0).shape, starts)],
    tolerance: () => [0],
  },
};

/**
 * The box of x that begins at `starts` and has `sizes`, one of each per axis. f32, i32 or u32 of any rank.
 * @throws ShapeError `attribute-invalid` unless the box lies inside x, `dtype-mismatch`
 */
export function slice(x: Tensor, starts: readonly number[], sizes: readonly number[]): Tensor {
  return apply(sliceOp, [x], { starts, sizes });
}
