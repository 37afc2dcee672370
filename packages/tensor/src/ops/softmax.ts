import { softmax as record, ShapeError, softmaxFamily } from '@lua-webgpu/kernels';
import { elements, requireDType, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required, type Sample } from './define.ts';
import {
  softmaxArray,
  softmaxGradientArray,
  softmaxGradientBound,
  softmaxRelativeError,
} from './softmax-reference.ts';

type None = Readonly<Record<string, never>>;

/** Logits that differ by as much as a region mask of −100 makes them. */
function spread(shape: readonly number[], scale: number): NdArray {
  return {
    shape,
    data: Float64Array.from({ length: elements(shape) }, (_, i) => scale * (((i * 7919) % 101) / 50 - 1)),
  };
}

/** A value among zeros whose power f32 cannot hold. */
function peak(rows: number, length: number): NdArray {
  const data = new Float64Array(rows * length);
  for (let row = 0; row < rows; row++) data[row * length + 5] = 200;
  return { shape: [rows, length], data };
}

/** Rows of which each is far above the one before: a value of a neighbour would drown them. */
function steps(rows: number, length: number): NdArray {
  const { data } = spread([rows, length], 1);
  return { shape: [rows, length], data: data.map((value, i) => value + 1000 * Math.floor(i / length)) };
}

const moderate: readonly Sample<None>[] = [
  { inputs: [[2, 3, 8]], attributes: {} },
  { inputs: [[70, 64]], attributes: {} },
  { name: 'long rows', inputs: [[3, 1000]], attributes: {} },
  { name: 'long odd rows', inputs: [[3, 997]], attributes: {} },
  { name: 'odd rows', inputs: [[5, 7]], attributes: {} },
  { name: 'spread', inputs: [spread([4, 12], 6)], attributes: {} },
  { name: 'rows of one', inputs: [[5, 1]], attributes: {} },
  { name: 'one row', inputs: [[12]], attributes: {} },
  { name: 'no rows', inputs: [[0, 4]], attributes: {} },
  { name: 'rows of nothing', inputs: [[4, 0]], attributes: {} },
];

export const softmaxOp: OpDefinition<None> = {
  name: 'softmax',
  families: [softmaxFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    requireDType('softmax', 'x', x.dtype, 'f32');
    if (x.shape.length === 0) {
      throw new ShapeError('shape-rank', 'softmax: x has no axes', 'Pass a tensor with at least one axis.');
    }
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const shape = { rows: elements(x.shape.slice(0, -1)), length: x.shape.at(-1) ?? 0 };
    record(device, { x: x.buffer, out: out.buffer }, shape);
  },

  reference: (inputs) => softmaxArray(required(inputs, 0)),

  samples: [
    ...moderate,
    { name: 'masked', inputs: [spread([6, 64], 100)], attributes: {} },
    { name: 'masked, odd', inputs: [spread([6, 33], 100)], attributes: {} },
    { name: 'a peak in a long row', inputs: [peak(3, 260)], attributes: {} },
    { name: 'a peak in a long odd row', inputs: [peak(3, 259)], attributes: {} },
    { name: 'long rows far apart', inputs: [steps(3, 260)], attributes: {} },
    { name: 'long odd rows far apart', inputs: [steps(3, 259)], attributes: {} },
    { name: 'huge', inputs: [spread([3, 8], 3e38)], attributes: {} },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[]], attributes: {} },
    { code: 'dtype-mismatch', inputs: [[4]], dtypes: ['i32'], attributes: {} },
  ],

  tolerance(inputs, _attributes, reference) {
    const errors = softmaxRelativeError(required(inputs, 0), reference);
    return reference.data.map((y, i) => y * (errors[i] ?? 0) + 2 ** -125);
  },

  vjp: {
    saves: { output: true },

    run: ({ ops, output, gradient }) => [ops.softmaxGradient(required([output], 0), gradient)],

    reference: (inputs, _attributes, cotangent) => [
      softmaxGradientArray(softmaxArray(required(inputs, 0)), cotangent),
    ],

    tolerance(inputs, _attributes, cotangent) {
      const x = required(inputs, 0);
      const y = softmaxArray(x);
      return [softmaxGradientBound(y, cotangent, softmaxRelativeError(x, y))];
    },

    samples: moderate,
  },
};

/**
 * exp(x) / Σ exp(x) over the last axis of an f32 tensor of finite values, the maximum subtracted first.
 * @throws ShapeError `shape-rank` for a tensor without axes, `dtype-mismatch`, AllocationError `binding-too-large` when
 *   64 rows exceed a binding
 */
export const softmax = (x: Tensor): Tensor => apply(softmaxOp, [x], {});
