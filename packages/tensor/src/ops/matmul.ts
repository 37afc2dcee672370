import { type Activation, matmulFamily, matmul as recordMatmul, ShapeError } from '@lua-webgpu/kernels';
import {
  elements,
  formatShape,
  requireDType,
  requireRank,
  sameShape,
  sizeOf,
  type Tensor,
} from '../core/index.ts';
import { activate, activationGain } from './activation.ts';
import { parameterGradients } from './conv2d-vjp.ts';
import { apply, type NdArray, type OpDefinition, type Operands, required, type Sample } from './define.ts';
import { requireLinear, withActivation } from './fused-activation.ts';
import { absolute, reductionBound } from './tolerance.ts';

export interface MatmulAttributes {
  readonly activation: Activation;
}

const none: MatmulAttributes = { activation: { kind: 'none' } };
const gelu: MatmulAttributes = { activation: { kind: 'gelu' } };
const leaky: MatmulAttributes = { activation: { kind: 'leaky-relu', slope: 0.2 } };

const samples: readonly Sample<MatmulAttributes>[] = [
  { inputs: [[3, 4], [4, 8], undefined], attributes: none },
  { inputs: [[64, 60], [60, 180], [180]], attributes: none },
  { inputs: [[33, 60], [60, 120], [120]], attributes: gelu },
  { inputs: [[2, 5, 7, 12], [12, 20], [20]], attributes: leaky },
  { name: 'odd sizes', inputs: [[7, 5], [5, 3], [3]], attributes: gelu },
  { name: 'primes', inputs: [[131, 37], [37, 41], undefined], attributes: none },
  { name: 'long k', inputs: [[5, 2048], [2048, 4], undefined], attributes: none },
  { name: 'one', inputs: [[1], [1, 1], [1]], attributes: none },
  { name: 'no rows', inputs: [[0, 4], [4, 4], undefined], attributes: none },
  { name: 'no columns', inputs: [[4, 4], [4, 0], undefined], attributes: none },
  { name: 'addend', inputs: [[33, 60], [60, 60], [60], [33, 60]], attributes: none },
  { name: 'addend, activation', inputs: [[2, 7, 12], [12, 8], undefined, [2, 7, 8]], attributes: gelu },
  { name: 'addend, odd sizes', inputs: [[7, 5], [5, 3], [3], [7, 3]], attributes: leaky },
  { name: 'addend, linear, odd sizes', inputs: [[7, 5], [5, 3], undefined, [7, 3]], attributes: none },
  { name: 'k = 0 leaves the bias', inputs: [[4, 0], [0, 4], [4]], attributes: none },
];

export const matmulOp: OpDefinition<MatmulAttributes> = {
  name: 'matmul',
  families: [matmulFamily.name],

  infer(inputs) {
    const a = required(inputs, 0);
    const b = required(inputs, 1);
    const [, , bias, addend] = inputs;
    for (const [name, operand] of Object.entries({ a, b, bias, addend })) {
      if (operand) requireDType('matmul', name, operand.dtype, 'f32');
    }
    requireRank('matmul', 'b', b.shape, 2);
    const [k = 0, n = 0] = b.shape;
    if (a.shape.length === 0 || a.shape.at(-1) !== k) {
      throw new ShapeError(
        'shape-mismatch',
        `matmul: a ${formatShape(a.shape)} and b ${formatShape(b.shape)} do not agree in k`,
        'The last size of a has to equal the first of b.',
      );
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== n)) {
      throw new ShapeError(
        'shape-mismatch',
        `matmul: bias ${formatShape(bias.shape)} does not fit b ${formatShape(b.shape)}`,
        `Pass a bias of shape [${n}].`,
      );
    }
    const shape = [...a.shape.slice(0, -1), n];
    if (addend && !sameShape(addend.shape, shape)) {
      throw new ShapeError(
        'shape-mismatch',
        `matmul: addend ${formatShape(addend.shape)} is not ${formatShape(shape)}, the shape of the product`,
        `Pass an addend of shape ${formatShape(shape)}.`,
      );
    }
    return { shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const a = required(inputs, 0);
    const b = required(inputs, 1);
    const [, , bias, addend] = inputs;
    const [k = 0, n = 0] = b.shape;
    recordMatmul(
      device,
      { a: a.buffer, b: b.buffer, bias: bias?.buffer, addend: addend?.buffer, out: out.buffer },
      {
        rows: elements(a.shape.slice(0, -1)),
        k,
        n,
        bias: bias !== undefined,
        activation: attributes.activation,
        ...(addend && { addend: true }),
      },
    );
  },

  reference: (inputs, { activation }) => {
    const linear = product(inputs);
    return { shape: linear.shape, data: linear.data.map((x) => activate(activation, x)) };
  },

  samples,

  refusals: [
    { code: 'shape-mismatch', inputs: [[3, 4], [5, 8], undefined], attributes: none },
    { code: 'shape-mismatch', inputs: [[3, 4], [4, 8], [7]], attributes: none },
    { code: 'shape-mismatch', inputs: [[], [4, 8], undefined], attributes: none },
    { code: 'shape-mismatch', inputs: [[3, 4], [4, 8], undefined, [8]], attributes: none },
    { code: 'shape-rank', inputs: [[3, 4], [4], undefined], attributes: none },
  ],

  tolerance(inputs, { activation }) {
    const k = required(inputs, 1).shape[0] ?? 0;
    const magnitudes = product(inputs.map((input) => input && absolute(input)));
    return reductionBound(k + 1, magnitudes).map((bound) => bound * activationGain(activation) + 2e-7);
  },

  vjp: {
    saves: ([, b], { activation }) => {
      requireLinear('matmul', activation);
      return { inputs: b ? [0, 1] : [1] };
    },

    run({ ops, inputs, gradient, wanted }) {
      const b = required(inputs, 1);
      const [k, n] = [sizeOf(b.shape, 0), sizeOf(b.shape, 1)];
      const x = inputs[0] && asRow(inputs[0], k);
      const [weight, bias] = parameterGradients(ops, x, asRow(gradient, n), pointwise, wanted);
      return [
        wanted[0] ? ops.matmulTransposed(gradient, b) : undefined,
        weight?.reshape([k, n]),
        bias,
        wanted[3] ? gradient : undefined,
      ];
    },

    samples: samples.filter(({ attributes }) => attributes === none),

    reference: gradients,

    tolerance(inputs, attributes, cotangent) {
      const rows = elements(required(inputs, 0).shape.slice(0, -1));
      const magnitudes = inputs.map((input) => input && absolute(input));
      const [a, b, bias] = gradients(magnitudes, attributes, absolute(cotangent));
      const bound = (sums: NdArray | undefined, length: number) => sums && reductionBound(length + 1, sums);
      // The gradient of the addend is the cotangent itself.
      return [bound(a, required(inputs, 1).shape[1] as number), bound(b, rows), bound(bias, rows), 0];
    },
  },
};

/** aᵀ·g is the weight gradient of a 1×1 convolution, which sums over rows faster than a product does. */
const pointwise = {
  kernelHeight: 1,
  kernelWidth: 1,
  stride: 1,
  padding: { top: 0, bottom: 0, left: 0, right: 0 },
};
/** [..., channels] as an image of one row. */
const asRow = (x: Tensor, channels: number) => x.reshape([1, 1, elements(x.shape.slice(0, -1)), channels]);

/** g·bᵀ, aᵀ·g, the column sums of g, and g. */
function gradients(inputs: Operands<NdArray>, _: MatmulAttributes, g: NdArray): Operands<NdArray> {
  const [a, b] = [required(inputs, 0), required(inputs, 1)];
  const [k = 0, n = 0] = b.shape;
  const rows = elements(a.shape.slice(0, -1));
  const da = new Float64Array(rows * k);
  const db = new Float64Array(k * n);
  const dbias = new Float64Array(n);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < n; column++) {
      const value = g.data[row * n + column] as number;
      dbias[column] = (dbias[column] as number) + value;
      for (let i = 0; i < k; i++) {
        da[row * k + i] = (da[row * k + i] as number) + value * (b.data[i * n + column] as number);
        db[i * n + column] = (db[i * n + column] as number) + value * (a.data[row * k + i] as number);
      }
    }
  }
  return [
    { shape: a.shape, data: da },
    { shape: b.shape, data: db },
    inputs[2] && { shape: [n], data: dbias },
    inputs[3] && g,
  ];
}

function product(inputs: Operands<NdArray>): NdArray {
  const a = required(inputs, 0);
  const b = required(inputs, 1);
  const [, , bias, addend] = inputs;
  const [k = 0, n = 0] = b.shape;
  const rows = elements(a.shape.slice(0, -1));
  const data = new Float64Array(rows * n);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < n; column++) {
      let sum = (bias?.data[column] ?? 0) + (addend?.data[row * n + column] ?? 0);
      for (let i = 0; i < k; i++) sum += (a.data[row * k + i] ?? 0) * (b.data[i * n + column] ?? 0);
      data[row * n + column] = sum;
    }
  }
  return { shape: [...a.shape.slice(0, -1), n], data };
}

/**
 * activation(a · b + bias + addend): a [..., k], b [k, n], bias [n], addend [..., n] → [..., n].
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: { bias?: Tensor | undefined; addend?: Tensor | undefined; activation?: Activation } = {},
): Tensor {
  const { bias, addend, activation = { kind: 'none' } } = options;
  const operands = [a, b, bias, addend];
  return withActivation(operands, activation, (fused) => apply(matmulOp, operands, { activation: fused }));
}
