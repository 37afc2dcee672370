import { copyFamily, embed as record, ShapeError } from '@lua-webgpu/kernels';
import { formatShape, requireDType, type Shape, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { embedArray, stridesOf, takeStrided } from './strided-reference.ts';

export interface EmbedAttributes {
  /** Shape of the result. */
  readonly shape: Shape;
  /** Where x begins in it, one per axis. */
  readonly starts: readonly number[];
}

export const embedOp: OpDefinition<EmbedAttributes> = {
  name: 'embed',
  families: [copyFamily.name],

  infer(inputs, { shape, starts }) {
    const x = required(inputs, 0);
    requireDType('embed', 'x', x.dtype, 'f32', 'i32', 'u32');
    const inside = shape.every((size, axis) => {
      const start = starts[axis] ?? -1;
      return Number.isInteger(start) && start >= 0 && start + (x.shape[axis] ?? 0) <= size;
    });
    if (starts.length !== shape.length || x.shape.length !== shape.length || !inside) {
      throw new ShapeError(
        'attribute-invalid',
        `embed: x ${formatShape(x.shape)} from ${formatShape(starts)} on does not lie in ${formatShape(shape)}`,
        'Pass a start and a size for every axis, so that x lies inside.',
      );
    }
    return { shape, dtype: x.dtype };
  },

  forward({ device, inputs, out, attributes: { starts } }) {
    const x = required(inputs, 0);
    record(device, { x: x.buffer, out: out.buffer }, { sizes: x.shape, starts, outSizes: out.shape });
  },

  reference: (inputs, { shape, starts }) => embedArray(required(inputs, 0), shape, starts),

  samples: [
    { inputs: [[2, 4, 5, 4]], attributes: { shape: [2, 6, 8, 4], starts: [0, 1, 3, 0] } },
    { inputs: [[1, 6, 3, 8]], attributes: { shape: [2, 6, 8, 12], starts: [1, 0, 2, 4] } },
    { name: 'odd channels', inputs: [[2, 4, 3]], attributes: { shape: [3, 4, 5], starts: [1, 0, 2] } },
    { name: 'one element', inputs: [[1, 1]], attributes: { shape: [3, 5], starts: [2, 3] } },
    { name: 'a row', inputs: [[1, 8]], attributes: { shape: [6, 8], starts: [5, 0] } },
    { name: 'as it is', inputs: [[3, 4]], attributes: { shape: [3, 4], starts: [0, 0] } },
    {
      name: 'five axes',
      inputs: [[2, 2, 2, 2, 2]],
      attributes: { shape: [3, 3, 3, 3, 3], starts: [1, 0, 1, 0, 1] },
    },
    { name: 'nothing in zeros', inputs: [[0, 5]], attributes: { shape: [3, 5], starts: [3, 0] } },
    { name: 'rank 0', inputs: [[]], attributes: { shape: [], starts: [] } },
  ],

  refusals: [
    { code: 'attribute-invalid', inputs: [[3]], attributes: { shape: [3, 5], starts: [0, 0] } },
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { shape: [3, 5], starts: [0] } },
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { shape: [3, 6], starts: [0, 2] } },
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { shape: [3, 6], starts: [-1, 0] } },
    { code: 'attribute-invalid', inputs: [[3, 5]], attributes: { shape: [3, 6], starts: [0, 0.5] } },
    { code: 'dtype-mismatch', inputs: [[4]], dtypes: ['f16'], attributes: { shape: [4], starts: [0] } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, specs, gradient, attributes }) => [
      ops.slice(gradient, attributes.starts, required(specs, 0).shape),
    ],

    reference(inputs, { shape, starts }, cotangent) {
      const strides = stridesOf(shape);
      const first = starts.reduce((sum, start, axis) => sum + start * (strides[axis] ?? 0), 0);
      return [takeStrided(cotangent, required(inputs, 0).shape, first, strides)];
    },

    tolerance: () => [0],
  },
};

/**
 * x inside zeros: the box of the result that begins at `starts` is x. f32, i32 or u32 of any rank. The adjoint of
 * `slice`.
 * @throws ShapeError `attribute-invalid` unless x lies inside the shape, `dtype-mismatch`
 */
export function embed(x: Tensor, options: { shape: Shape; starts: readonly number[] }): Tensor {
  return apply(embedOp, [x], { shape: options.shape, starts: options.starts });
}
