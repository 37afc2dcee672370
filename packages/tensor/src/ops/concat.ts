import { copyFamily, place, ShapeError } from '@lua-webgpu/kernels';
import {
  elements,
  formatShape,
  requireDType,
  type Shape,
  sizeOf,
  type Tensor,
  type TensorSpec,
} from '../core/index.ts';
import { apply, type OpDefinition, type Operands } from './define.ts';
import { stridesOf, takeStrided } from './strided-reference.ts';

export interface ConcatAttributes {
  /** Negative ones count from the end. */
  readonly axis: number;
}

export const concatOp: OpDefinition<ConcatAttributes> = {
  name: 'concat',
  families: [copyFamily.name],

  infer(inputs, { axis }) {
    const [first, ...rest] = present(inputs);
    if (!first) throw new ShapeError('shape-mismatch', 'concat: no tensors', 'Pass at least one.');
    const along = resolveAxis(first.shape, axis);
    requireDType('concat', 'xs[0]', first.dtype, 'f32', 'i32', 'u32');
    rest.forEach(({ shape, dtype }, index) => {
      requireDType('concat', `xs[${index + 1}]`, dtype, first.dtype);
      if (
        shape.length === first.shape.length &&
        shape.every((size, k) => k === along || size === first.shape[k])
      )
        return;
      throw new ShapeError(
        'shape-mismatch',
        `concat: ${formatShape(first.shape)} and ${formatShape(shape)} do not fit along axis ${axis}`,
        'All sizes but that of the axis have to be equal.',
      );
    });
    return { shape: joined(present(inputs), along), dtype: first.dtype };
  },

  forward({ device, inputs, out, attributes }) {
    const axis = resolveAxis(out.shape, attributes.axis);
    let start = 0;
    for (const { buffer, shape } of present(inputs)) {
      place(device, { x: buffer, out: out.buffer }, { sizes: shape, outSizes: out.shape, axis, start });
      start += shape[axis] ?? 0;
    }
  },

  reference(inputs, attributes) {
    const arrays = present(inputs);
    const axis = resolveAxis(arrays[0]?.shape ?? [], attributes.axis);
    const shape = joined(arrays, axis);
    const data = new Float64Array(elements(shape));
    const run = elements(shape.slice(axis));
    let before = 0;
    for (const array of arrays) {
      const length = elements(array.shape.slice(axis));
      for (let outer = 0; outer * length < array.data.length; outer++) {
        data.set(array.data.subarray(outer * length, (outer + 1) * length), outer * run + before);
      }
      before += length;
    }
    return { shape, data };
  },

  samples: [
    {
      inputs: [
        [2, 3, 4],
        [2, 5, 4],
      ],
      attributes: { axis: 1 },
    },
    {
      inputs: [
        [2, 3, 4],
        [2, 3, 8],
        [2, 3, 12],
      ],
      attributes: { axis: -1 },
    },
    {
      inputs: [
        [2, 6],
        [1, 6],
        [3, 6],
      ],
      attributes: { axis: 0 },
    },
    {
      name: 'odd channels',
      inputs: [
        [4, 5, 3],
        [4, 5, 1],
      ],
      attributes: { axis: 2 },
    },
    {
      name: 'single channels',
      inputs: [
        [4, 5, 1],
        [4, 5, 1],
        [4, 5, 1],
      ],
      attributes: { axis: 2 },
    },
    {
      name: 'five axes',
      inputs: [
        [2, 3, 2, 3, 2],
        [2, 3, 1, 3, 2],
      ],
      attributes: { axis: 2 },
    },
    { name: 'one tensor', inputs: [[3, 4]], attributes: { axis: 0 } },
    {
      name: 'an empty one',
      inputs: [
        [3, 4],
        [0, 4],
        [2, 4],
      ],
      attributes: { axis: 0 },
    },
    { name: 'scalars as vectors', inputs: [[1], [1]], attributes: { axis: 0 } },
  ],

  refusals: [
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 3],
        [3, 3],
      ],
      attributes: { axis: 1 },
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 3],
        [2, 3, 1],
      ],
      attributes: { axis: 1 },
    },
    { code: 'shape-mismatch', inputs: [], attributes: { axis: 0 } },
    {
      code: 'attribute-invalid',
      inputs: [
        [2, 3],
        [2, 3],
      ],
      attributes: { axis: 2 },
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [2, 3],
        [2, 3],
      ],
      attributes: { axis: -3 },
    },
    { code: 'attribute-invalid', inputs: [[], []], attributes: { axis: 0 } },
    { code: 'dtype-mismatch', inputs: [[2], [2]], dtypes: ['f32', 'i32'], attributes: { axis: 0 } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},

    run({ ops, specs, gradient, wanted, attributes }) {
      const starts = startsOf(present(specs), attributes.axis);
      return present(specs).map(({ shape }, i) =>
        wanted[i] ? ops.slice(gradient, starts[i] ?? [], shape) : undefined,
      );
    },

    reference(inputs, { axis }, cotangent) {
      const strides = stridesOf(cotangent.shape);
      const starts = startsOf(present(inputs), axis);
      return present(inputs).map(({ shape }, i) => {
        const first = (starts[i] ?? []).reduce((sum, start, k) => sum + start * (strides[k] ?? 0), 0);
        return takeStrided(cotangent, shape, first, strides);
      });
    },

    tolerance: (inputs) => inputs.map(() => 0),
  },
};

const present = <T>(inputs: Operands<T>): T[] => inputs.filter((input) => input !== undefined);

function resolveAxis(shape: Shape, axis: number): number {
  const resolved = axis < 0 ? shape.length + axis : axis;
  if (Number.isInteger(resolved) && resolved >= 0 && resolved < shape.length) return resolved;
  throw new ShapeError(
    'attribute-invalid',
    `concat: ${formatShape(shape)} has no axis ${axis}`,
    'Pass an axis that the tensors have.',
  );
}

/** Where each operand begins in the result. */
function startsOf(inputs: readonly Pick<TensorSpec, 'shape'>[], axis: number): number[][] {
  const along = resolveAxis(inputs[0]?.shape ?? [], axis);
  let start = 0;
  return inputs.map(({ shape }) => {
    const starts = shape.map((_, k) => (k === along ? start : 0));
    start += sizeOf(shape, along);
    return starts;
  });
}

function joined(inputs: readonly Pick<TensorSpec, 'shape'>[], axis: number): Shape {
  const total = inputs.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
  return (inputs[0]?.shape ?? []).with(axis, total);
}

/**
 * The tensors one behind the other along `axis` (negative: from the end); all other sizes and the dtypes are equal.
 * f32, i32 or u32 of any rank from 1.
 * @throws ShapeError `shape-mismatch`, `attribute-invalid`, `dtype-mismatch`
 */
export function concat(xs: readonly Tensor[], axis: number): Tensor {
  return apply(concatOp, xs, { axis });
}
