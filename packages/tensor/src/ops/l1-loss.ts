import { l1LossFamily, l1Loss as record, ShapeError } from '@lua-webgpu/kernels';
import {
  elements,
  formatShape,
  requireDType,
  type Shape,
  sameShape,
  type Tensor,
  type TensorSpec,
} from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, type Operands, required, type Sample } from './define.ts';
import { treeSumBound } from './reduction-error.ts';
import { ulpBound } from './tolerance.ts';

const twice = (shape: Shape): [Shape, Shape] => [shape, shape];

const longest = 'two passes of the sum';
const samples: readonly Sample<object>[] = [
  { inputs: twice([2, 3, 4, 8]), attributes: {} },
  { name: 'two workgroups', inputs: twice([3, 2_000]), attributes: {} },
  { name: longest, inputs: twice([5, 13_200]), attributes: {} },
  { name: 'odd count', inputs: twice([7, 11, 3]), attributes: {} },
  { name: 'two workgroups, odd count', inputs: twice([3, 401]), attributes: {} },
  { name: 'one value', inputs: twice([]), attributes: {} },
  { name: 'equal but for one', inputs: nearlyEqual([2, 4, 5]), attributes: {} },
];

export const l1LossOp: OpDefinition<object> = {
  name: 'l1Loss',
  families: [l1LossFamily.name],

  infer(inputs) {
    requirePair('l1Loss', inputs);
    return { shape: [], dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const [x, y] = [required(inputs, 0), required(inputs, 1)];
    record(device, { x: x.buffer, y: y.buffer, out: out.buffer }, { count: elements(x.shape) });
  },

  reference(inputs) {
    const [x, y] = [required(inputs, 0), required(inputs, 1)];
    const sum = x.data.reduce((total, value, i) => total + Math.abs(value - (y.data[i] ?? 0)), 0);
    return { shape: [], data: Float64Array.of(sum / x.data.length) };
  },

  samples,

  refusals: [
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 3],
        [2, 4],
      ],
      attributes: {},
    },
    { code: 'shape-mismatch', inputs: [[2, 3], [3]], attributes: {} },
    { code: 'shape-empty', inputs: twice([2, 0]), attributes: {} },
    { code: 'dtype-mismatch', inputs: twice([4]), dtypes: ['f32', 'i32'], attributes: {} },
    { code: 'dtype-mismatch', inputs: twice([4]), dtypes: ['f16', 'f16'], attributes: {} },
  ],

  tolerance: (inputs, _attributes, { data }) => treeSumBound(required(inputs, 0).data.length, data, 2),

  vjp: {
    saves: { inputs: [0, 1] },

    run({ ops, inputs, gradient, wanted }) {
      const [x, y] = [required(inputs, 0), required(inputs, 1)];
      return [
        wanted[0] ? ops.l1LossGradient(x, y, gradient) : undefined,
        wanted[1] ? ops.l1LossGradient(y, x, gradient) : undefined,
      ];
    },

    reference(inputs, _attributes, { data }) {
      const ofX = l1LossGradientReference(inputs, data[0] ?? 0);
      return [ofX, { shape: ofX.shape, data: ofX.data.map((value) => -value) }];
    },

    tolerance: (_inputs, _attributes, _cotangent, expected) =>
      expected.map((each) => each && ulpBound(2, each, 2 ** -126)),

    samples: samples.filter(({ name }) => name !== longest),
  },
};

/** Two operands that differ in their last element alone. */
function nearlyEqual(shape: Shape): [NdArray, NdArray] {
  const x = Float64Array.from({ length: elements(shape) }, (_, i) => Math.fround(Math.sin(i)));
  return [
    { shape, data: x },
    { shape, data: x.with(-1, 5) },
  ];
}

/** @throws ShapeError `shape-mismatch`, `shape-empty`, `dtype-mismatch` unless both operands are f32 of one shape */
export function requirePair(op: string, inputs: Operands<TensorSpec>): TensorSpec {
  const [x, y] = [required(inputs, 0), required(inputs, 1)];
  for (const [name, { dtype }] of Object.entries({ x, y })) requireDType(op, name, dtype, 'f32');
  if (!sameShape(x.shape, y.shape)) {
    throw new ShapeError(
      'shape-mismatch',
      `${op}: x ${formatShape(x.shape)}, y ${formatShape(y.shape)}`,
      'Pass two tensors of one shape; nothing is broadcast.',
    );
  }
  if (elements(x.shape) === 0) {
    throw new ShapeError(
      'shape-empty',
      `${op}: ${formatShape(x.shape)} has no elements, so there is no mean`,
      'Check for an empty batch before taking the loss.',
    );
  }
  return x;
}

/** Float64 gradient of gradient · mean |x − y| with respect to x; 0 where the two are equal. */
export function l1LossGradientReference(inputs: Operands<NdArray>, gradient: number): NdArray {
  const [x, y] = [required(inputs, 0), required(inputs, 1)];
  const each = gradient / x.data.length;
  return { shape: x.shape, data: x.data.map((value, i) => each * Math.sign(value - (y.data[i] ?? 0))) };
}

/**
 * The mean of |x − y| over all elements, a tensor of rank 0: PyTorch's `F.l1_loss`, in one pass over both. The gradient
 * is ±1/N, and 0 where the two are equal.
 * @throws ShapeError `shape-mismatch`, `shape-empty`, `dtype-mismatch`
 */
export function l1Loss(x: Tensor, y: Tensor): Tensor {
  return apply(l1LossOp, [x, y], {});
}
