import { matmulFamily, matmul as recordMatmul, ShapeError } from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, requireRank, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, type Operands, required } from './define.ts';
import { absolute, reductionBound } from './tolerance.ts';

export const matmulTransposedOp: OpDefinition<Record<string, never>> = {
  name: 'matmulTransposed',
  families: [matmulFamily.name],

  infer(inputs) {
    const a = required(inputs, 0);
    const b = required(inputs, 1);
    requireDType('matmulTransposed', 'a', a.dtype, 'f32');
    requireDType('matmulTransposed', 'b', b.dtype, 'f32');
    requireRank('matmulTransposed', 'b', b.shape, 2);
    const [n = 0, k = 0] = b.shape;
    if (a.shape.length === 0 || a.shape.at(-1) !== k) {
      throw new ShapeError(
        'shape-mismatch',
        `matmulTransposed: a ${formatShape(a.shape)} and b ${formatShape(b.shape)} do not agree in k`,
        'The last sizes of both have to be equal.',
      );
    }
    return { shape: [...a.shape.slice(0, -1), n], dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const a = required(inputs, 0);
    const b = required(inputs, 1);
    const [n = 0, k = 0] = b.shape;
    const rows = elements(a.shape.slice(0, -1));
    const buffers = { a: a.buffer, b: b.buffer, out: out.buffer };
    recordMatmul(device, buffers, {
      rows,
      k,
      n,
      bias: false,
      activation: { kind: 'none' },
      transposed: true,
    });
  },

  reference: product,

  samples: [
    {
      inputs: [
        [3, 4],
        [8, 4],
      ],
      attributes: {},
    },
    {
      inputs: [
        [64, 180],
        [60, 180],
      ],
      attributes: {},
    },
    {
      inputs: [
        [2, 5, 7, 20],
        [12, 20],
      ],
      attributes: {},
    },
    {
      name: 'more columns than a workgroup',
      inputs: [
        [33, 12],
        [140, 12],
      ],
      attributes: {},
    },
    {
      name: 'odd sizes',
      inputs: [
        [7, 5],
        [3, 5],
      ],
      attributes: {},
    },
    {
      name: 'primes',
      inputs: [
        [131, 37],
        [41, 37],
      ],
      attributes: {},
    },
    {
      name: 'long k',
      inputs: [
        [5, 2048],
        [4, 2048],
      ],
      attributes: {},
    },
    { name: 'one', inputs: [[1], [1, 1]], attributes: {} },
    {
      name: 'no rows',
      inputs: [
        [0, 4],
        [4, 4],
      ],
      attributes: {},
    },
    {
      name: 'no columns',
      inputs: [
        [4, 4],
        [0, 4],
      ],
      attributes: {},
    },
    {
      name: 'k = 0',
      inputs: [
        [4, 0],
        [4, 0],
      ],
      attributes: {},
    },
  ],

  refusals: [
    {
      code: 'shape-mismatch',
      inputs: [
        [3, 4],
        [4, 8],
      ],
      attributes: {},
    },
    { code: 'shape-mismatch', inputs: [[], [4, 8]], attributes: {} },
    { code: 'shape-rank', inputs: [[3, 4], [4]], attributes: {} },
    {
      code: 'dtype-mismatch',
      inputs: [
        [3, 4],
        [8, 4],
      ],
      dtypes: ['f32', 'i32'],
      attributes: {},
    },
  ],

  tolerance(inputs) {
    const k = required(inputs, 1).shape[1] ?? 0;
    const magnitudes = product(inputs.map((input) => input && absolute(input)));
    return reductionBound(k + 1, magnitudes).map((bound) => bound + 2e-7);
  },

  vjp: firstOrder,
};

function product(inputs: Operands<NdArray>): NdArray {
  const a = required(inputs, 0);
  const b = required(inputs, 1);
  const [n = 0, k = 0] = b.shape;
  const rows = elements(a.shape.slice(0, -1));
  const data = new Float64Array(rows * n);
  for (let at = 0; at < data.length; at++) {
    const [row, column] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let i = 0; i < k; i++) sum += (a.data[row * k + i] ?? 0) * (b.data[column * k + i] ?? 0);
    data[at] = sum;
  }
  return { shape: [...a.shape.slice(0, -1), n], data };
}

/**
 * a · bᵀ: a [..., k], b [n, k] → [..., n], with which a matrix product passes gradients back to its left-hand side. Has no
 * gradient itself.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`
 */
export function matmulTransposed(a: Tensor, b: Tensor): Tensor {
  return apply(matmulTransposedOp, [a, b], {});
}
