import {
  windowAttentionStatistics as record,
  ShapeError,
  windowAttentionStatisticsFamily,
} from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, type Shape, sameShape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, type Operands, required } from './define.ts';
import { epsilon } from './tolerance.ts';

type None = Readonly<Record<string, never>>;

const sample = (name: string, queries: number[], headDim: number) => {
  const heads = queries.at(-1) ?? 0;
  const out = [...queries.slice(0, -1), heads * headDim];
  return { name, inputs: [out, out, queries], attributes: {} };
};

export const windowAttentionStatisticsOp: OpDefinition<None> = {
  name: 'windowAttentionStatistics',
  families: [windowAttentionStatisticsFamily.name],

  infer(inputs) {
    const [out, gradient, logSums] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    for (const [name, { dtype }] of Object.entries({ out, gradient, logSums })) {
      requireDType('windowAttentionStatistics', name, dtype, 'f32');
    }
    const heads = logSums.shape.at(-1) ?? 0;
    const fits =
      heads > 0 &&
      sameShape(out.shape, gradient.shape) &&
      sameShape(out.shape.slice(0, -1), logSums.shape.slice(0, -1)) &&
      (out.shape.at(-1) ?? 0) % heads === 0;
    if (!fits) {
      throw new ShapeError(
        'shape-mismatch',
        `windowAttentionStatistics: out ${formatShape(out.shape)}, gradient ${formatShape(gradient.shape)} and logSums ${formatShape(logSums.shape)} do not fit`,
        'Pass the result of windowAttention, its gradient, and one logarithm per pixel and head.',
      );
    }
    return { shape: [...logSums.shape, 2], dtype: 'f32' };
  },

  forward({ device, inputs, out: statistics }) {
    const [out, gradient, logSums] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const buffers = {
      out: out.buffer,
      gradient: gradient.buffer,
      logSums: logSums.buffer,
      statistics: statistics.buffer,
    };
    record(device, buffers, sizesOf(out, logSums));
  },

  reference: (inputs) =>
    perQuery(inputs, (logSum, products) => [logSum, products.reduce((sum, product) => sum + product, 0)]),

  samples: [
    sample('dimension 12', [2, 8, 8, 6], 12),
    sample('dimension 32', [1, 4, 4, 2], 32),
    sample('dimension 10', [1, 4, 8, 3], 10),
    sample('dimension 1', [1, 5, 5, 4], 1),
    sample('several workgroups', [1, 16, 16, 3], 4),
    sample('no channels', [1, 2, 2, 1], 0),
    sample('no images', [0, 2, 2, 1], 4),
  ],
  refusals: [
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 2, 2, 8],
        [1, 2, 2, 4],
        [1, 2, 2, 2],
      ],
      attributes: {},
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 2, 2, 8],
        [1, 2, 2, 8],
        [1, 2, 4, 2],
      ],
      attributes: {},
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 2, 2, 8],
        [1, 2, 2, 8],
        [1, 2, 2, 3],
      ],
      attributes: {},
    },
    {
      code: 'dtype-mismatch',
      inputs: [
        [1, 2, 2, 8],
        [1, 2, 2, 8],
        [1, 2, 2, 2],
      ],
      dtypes: ['f32', 'f32', 'i32'],
      attributes: {},
    },
  ],

  tolerance: (inputs) =>
    perQuery(inputs, (_, products) => {
      const magnitude = products.reduce((sum, product) => sum + Math.abs(product), 0);
      return [0, 4 * epsilon * Math.sqrt(products.length + 2) * magnitude];
    }).data,

  vjp: firstOrder,
};

function sizesOf(out: { readonly shape: Shape }, logSums: { readonly shape: Shape }) {
  const heads = logSums.shape.at(-1) ?? 0;
  return { queries: elements(logSums.shape), headDim: (out.shape.at(-1) ?? 0) / heads };
}

/** Two numbers of each query's logarithm and products of gradient and result. */
function perQuery(
  inputs: Operands<NdArray>,
  of: (logSum: number, products: readonly number[]) => readonly [number, number],
): NdArray {
  const [out, gradient, logSums] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
  const { headDim } = sizesOf(out, logSums);
  const data = new Float64Array(2 * logSums.data.length);
  logSums.data.forEach((logSum, query) => {
    const at = (d: number) => query * headDim + d;
    const product = (_: unknown, d: number) => (gradient.data[at(d)] ?? 0) * (out.data[at(d)] ?? 0);
    data.set(of(logSum, Array.from({ length: headDim }, product)), 2 * query);
  });
  return { shape: [...logSums.shape, 2], data };
}

/**
 * What the gradients of `windowAttention` need of each query: from its result and the gradient of that, [B, H, W,
 * heads·d], and log Σ exp(score) over the keys of the query's window, [B, H, W, heads], to [B, H, W, heads, 2] =
 * (log Σ exp(score), Σ gradient · result) (Dao 2023, FlashAttention-2, §3.1). It replaces the attention weights, which
 * are computed again.
 * @throws ShapeError `shape-mismatch`, `dtype-mismatch`, AllocationError `binding-too-large`
 */
export function windowAttentionStatistics(out: Tensor, gradient: Tensor, logSums: Tensor): Tensor {
  return apply(windowAttentionStatisticsOp, [out, gradient, logSums], {});
}
