import {
  layerNormGradientFamily,
  layerNormParametersFamily,
  layerNormGradient as recordGradient,
  layerNormParameterGradients as recordParameterGradients,
  ShapeError,
} from '@lua-webgpu/kernels';
import {
  elements,
  formatShape,
  requireDType,
  type Shape,
  sameShape,
  sizeOf,
  type Tensor,
  type TensorSpec,
} from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required, type Sample } from './define.ts';
import {
  layerNormGradients,
  layerNormGradientTolerances,
  layerNormStatistics,
  pattern,
  statisticsShape,
} from './layer-norm-reference.ts';

type None = Readonly<Record<string, never>>;

/** Rows of x with their statistics. */
interface Rows {
  readonly name?: string;
  readonly x: NdArray;
  readonly statistics: NdArray;
}

function rows(
  shape: Shape,
  options: { name?: string; center?: number; amplitude?: number; eps?: number } = {},
): Rows {
  const { name, center = 0, amplitude = 1, eps = 1e-5 } = options;
  const { data } = pattern(elements(shape.slice(0, -1)), sizeOf(shape, -1), center, amplitude);
  const x = { shape, data };
  return { ...(name !== undefined && { name }), x, statistics: layerNormStatistics(x, eps) };
}

const farFromZero = { name: 'far from zero', center: 100, amplitude: 1e-2 };

export const layerNormGradientOp: OpDefinition<None> = {
  name: 'layerNormGradient',
  families: [layerNormGradientFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    checkRows('layerNormGradient', x, required(inputs, 2), required(inputs, 3));
    checkShape('layerNormGradient', 'weight', required(inputs, 1), [sizeOf(x.shape, -1)]);
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const buffers = {
      x: x.buffer,
      weight: required(inputs, 1).buffer,
      gradient: required(inputs, 2).buffer,
      statistics: required(inputs, 3).buffer,
      out: out.buffer,
    };
    recordGradient(device, buffers, rowsOf(x.shape));
  },

  reference: (inputs) => layerNormGradients(inputs, required(inputs, 3)).x,

  samples: [
    rows([33, 60]),
    rows([2, 3, 5, 180]),
    rows([7, 360], { eps: 1e-6 }),
    rows([131, 7], { name: 'odd channels' }),
    rows([3, 5000], { name: 'long rows' }),
    rows([5, 1], { name: 'one channel' }),
    rows([24], { name: 'one row' }),
    rows([6, 60], farFromZero),
    rows([0, 8], { name: 'no rows' }),
    rows([3, 0], { name: 'no channels' }),
  ].map(({ x, statistics, ...rest }): Sample<None> => {
    return { ...rest, inputs: [x, [sizeOf(x.shape, -1)], x.shape, statistics], attributes: {} };
  }),

  refusals: [
    { code: 'shape-rank', inputs: [[], [1], [], [2]], attributes: {} },
    { code: 'shape-mismatch', inputs: [[3, 4], [5], [3, 4], [3, 2]], attributes: {} },
    { code: 'shape-mismatch', inputs: [[3, 4], [4], [4, 4], [3, 2]], attributes: {} },
    { code: 'shape-mismatch', inputs: [[3, 4], [4], [3, 4], [4, 2]], attributes: {} },
  ],

  tolerance: (inputs) => layerNormGradientTolerances(inputs, required(inputs, 3))[0],
  vjp: firstOrder,
};

export const layerNormParameterGradientsOp: OpDefinition<None> = {
  name: 'layerNormParameterGradients',
  families: [layerNormParametersFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    checkRows('layerNormParameterGradients', x, required(inputs, 1), required(inputs, 2));
    return { shape: [2, sizeOf(x.shape, -1)], dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const buffers = {
      x: x.buffer,
      gradient: required(inputs, 1).buffer,
      statistics: required(inputs, 2).buffer,
      out: out.buffer,
    };
    recordParameterGradients(device, buffers, rowsOf(x.shape));
  },

  reference([x, gradient, statistics]) {
    const { weight, bias } = layerNormGradients([x, undefined, gradient], required([statistics], 0));
    return { shape: [2, weight.data.length], data: joined(weight.data, bias.data) };
  },

  samples: [
    rows([130, 60]),
    rows([2, 3, 5, 180], { eps: 1e-6 }),
    rows([197, 7], { name: 'odd channels' }),
    rows([20_000, 4], { name: 'many rows' }),
    rows([5, 1], { name: 'one channel' }),
    rows([24], { name: 'one row' }),
    rows([66, 60], farFromZero),
    rows([0, 8], { name: 'no rows' }),
    rows([3, 0], { name: 'no channels' }),
  ].map(({ x, statistics, ...rest }): Sample<None> => {
    return { ...rest, inputs: [x, x.shape, statistics], attributes: {} };
  }),

  refusals: [
    { code: 'shape-rank', inputs: [[], [], [2]], attributes: {} },
    {
      code: 'shape-mismatch',
      inputs: [
        [3, 4],
        [4, 3],
        [3, 2],
      ],
      attributes: {},
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [3, 4],
        [3, 4],
        [3, 1],
      ],
      attributes: {},
    },
  ],

  tolerance([x, gradient, statistics]) {
    const given = required([statistics], 0);
    const [, weight, bias] = layerNormGradientTolerances([x, undefined, gradient], given);
    return joined(weight, bias);
  },
  vjp: firstOrder,
};

const rowsOf = (shape: Shape) => ({ rows: elements(shape.slice(0, -1)), channels: sizeOf(shape, -1) });

const joined = (a: NdArray['data'], b: NdArray['data']) => Float64Array.from([...a, ...b]);

function checkRows(op: string, x: TensorSpec, gradient: TensorSpec, statistics: TensorSpec): void {
  sizeOf(x.shape, -1);
  requireDType(op, 'x', x.dtype, 'f32');
  checkShape(op, 'gradient', gradient, x.shape);
  checkShape(op, 'statistics', statistics, statisticsShape(x.shape));
}

function checkShape(op: string, name: string, operand: TensorSpec, shape: Shape): void {
  requireDType(op, name, operand.dtype, 'f32');
  if (sameShape(operand.shape, shape)) return;
  throw new ShapeError(
    'shape-mismatch',
    `${op}: ${name} ${formatShape(operand.shape)} is not ${formatShape(shape)}`,
    `Pass a ${name} of shape ${formatShape(shape)}.`,
  );
}

/**
 * Gradient of x [..., C] through `layerNorm(x, weight, bias)`, given that of its result [..., C] and `statistics` [..., 2], the
 * mean and scale of each row: scale · (h − mean h − n · mean (h·n)) over each row, with h = gradient · weight and n the
 * normalised row. x may exceed one binding.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`
 */
export function layerNormGradient(x: Tensor, weight: Tensor, gradient: Tensor, statistics: Tensor): Tensor {
  return apply(layerNormGradientOp, [x, weight, gradient, statistics], {});
}

/**
 * Gradients of weight and bias through `layerNorm(x, weight, bias)`, given that of its result and the statistics as in
 * `layerNormGradient`: [2, C], the weight's Σ gradient · n first, then the bias's Σ gradient, summed over the rows in a fixed
 * order.
 * @throws ShapeError as `layerNormGradient`
 */
export function layerNormParameterGradients(x: Tensor, gradient: Tensor, statistics: Tensor): Tensor {
  return apply(layerNormParameterGradientsOp, [x, gradient, statistics], {});
}
