import { broadcastSizes, copyFamily, expand as record, ShapeError } from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, type Shape, sameShape, type Tensor } from '../core/index.ts';
import { repeat, sumTensorTo, sumTo } from './broadcast.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { treeSumBound } from './reduction-error.ts';
import { absolute } from './tolerance.ts';

export interface ExpandAttributes {
  readonly shape: Shape;
}

export const expandOp: OpDefinition<ExpandAttributes> = {
  name: 'expand',
  families: [copyFamily.name],

  infer(inputs, { shape }) {
    const x = required(inputs, 0);
    requireDType('expand', 'x', x.dtype, 'f32', 'i32', 'u32');
    if (!sameShape(broadcastSizes(x.shape, shape) ?? [-1], shape)) {
      throw new ShapeError(
        'shape-mismatch',
        `expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`,
        'Sizes of x have to be 1 or those of the result, counted from the last axis.',
      );
    }
    return { shape, dtype: x.dtype };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    record(device, { x: x.buffer, out: out.buffer }, { xSizes: x.shape, sizes: out.shape });
  },

  reference: (inputs, { shape }) => ({ shape, data: repeat(required(inputs, 0), shape) }),

  samples: [
    { inputs: [[8]], attributes: { shape: [2, 3, 8] } },
    { inputs: [[2, 1, 1, 12]], attributes: { shape: [2, 5, 7, 12] } },
    { name: 'odd channels', inputs: [[2, 1, 3]], attributes: { shape: [2, 5, 3] } },
    { name: 'along the last axis', inputs: [[5, 3, 1]], attributes: { shape: [5, 3, 8] } },
    { name: 'every other axis', inputs: [[2, 1, 3, 1, 2]], attributes: { shape: [2, 3, 3, 5, 2] } },
    { name: 'one value', inputs: [[]], attributes: { shape: [37, 41] } },
    { name: 'as it is', inputs: [[3, 4]], attributes: { shape: [3, 4] } },
    { name: 'rank 0', inputs: [[]], attributes: { shape: [] } },
    { name: 'to nothing', inputs: [[3, 1]], attributes: { shape: [3, 0] } },
  ],

  refusals: [
    { code: 'shape-mismatch', inputs: [[3]], attributes: { shape: [4] } },
    { code: 'shape-mismatch', inputs: [[2, 3]], attributes: { shape: [3] } },
    { code: 'shape-mismatch', inputs: [[4]], attributes: { shape: [1] } },
    { code: 'dtype-mismatch', inputs: [[4]], dtypes: ['f16'], attributes: { shape: [4] } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, specs, gradient }) => [sumTensorTo(ops, gradient, required(specs, 0).shape)],
    reference: (inputs, _attributes, cotangent) => [sumTo(cotangent, required(inputs, 0).shape)],

    tolerance(inputs, _attributes, cotangent) {
      const { shape } = required(inputs, 0);
      const terms = cotangent.data.length / elements(shape);
      return [treeSumBound(terms, sumTo(absolute(cotangent), shape).data)];
    },
  },
};

/**
 * x repeated to a larger shape, by NumPy's rules of broadcasting. f32, i32 or u32.
 * @throws ShapeError `shape-mismatch` where x does not broadcast to the shape, `dtype-mismatch`
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  return apply(expandOp, [x], { shape });
}
