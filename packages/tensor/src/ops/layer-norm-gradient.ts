import {
  layerNormGradientFamily,
  layerNormParametersFamily,
  layerNormStatisticsFamily,
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
import { apply, firstOrder, type NdArray, type OpDefinition, required } from './define.ts';
import {
  type LayerNormAttributes,
  layerNormGradients,
  layerNormGradientTolerances,
  pattern,
} from './layer-norm-reference.ts';

const usual: LayerNormAttributes = { eps: 1e-5 };

export const layerNormGradientOp: OpDefinition<LayerNormAttributes> = {
  name: 'layerNormGradient',
  families: [layerNormGradientFamily.name],

  infer(inputs, { eps }) {
    const x = required(inputs, 0);
    checkRows('layerNormGradient', x, required(inputs, 2), eps);
    checkShape('layerNormGradient', 'weight', required(inputs, 1), [sizeOf(x.shape, -1)]);
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const buffers = {
      x: x.buffer,
      weight: required(inputs, 1).buffer,
      gradient: required(inputs, 2).buffer,
      out: out.buffer,
    };
    recordGradient(device, buffers, rowsOf(x.shape, attributes));
  },

  reference: (inputs, attributes) => layerNormGradients(inputs, attributes).x,

  samples: [
    { inputs: [[33, 60], [60], [33, 60]], attributes: usual },
    { inputs: [[2, 3, 5, 180], [180], [2, 3, 5, 180]], attributes: usual },
    { inputs: [[7, 360], [360], [7, 360]], attributes: { eps: 1e-6 } },
    { name: 'odd channels', inputs: [[131, 7], [7], [131, 7]], attributes: usual },
    { name: 'long rows', inputs: [[3, 5000], [5000], [3, 5000]], attributes: usual },
    { name: 'one channel', inputs: [[5, 1], [1], [5, 1]], attributes: usual },
    { name: 'one row', inputs: [[24], [24], [24]], attributes: usual },
    { name: 'far from zero', inputs: [pattern(6, 60, 100, 1e-2), [60], [6, 60]], attributes: usual },
    { name: 'no rows', inputs: [[0, 8], [8], [0, 8]], attributes: usual },
    { name: 'no channels', inputs: [[3, 0], [0], [3, 0]], attributes: usual },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[], [1], []], attributes: usual },
    { code: 'shape-mismatch', inputs: [[3, 4], [5], [3, 4]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[3, 4], [4], [4, 4]], attributes: usual },
    { code: 'attribute-invalid', inputs: [[3, 4], [4], [3, 4]], attributes: { eps: -1 } },
  ],

  tolerance: (inputs, attributes) => layerNormGradientTolerances(inputs, attributes)[0],
  vjp: firstOrder,
};

export const layerNormParameterGradientsOp: OpDefinition<LayerNormAttributes> = {
  name: 'layerNormParameterGradients',
  families: [layerNormStatisticsFamily.name, layerNormParametersFamily.name],

  infer(inputs, { eps }) {
    const x = required(inputs, 0);
    checkRows('layerNormParameterGradients', x, required(inputs, 1), eps);
    return { shape: [2, sizeOf(x.shape, -1)], dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const buffers = { x: x.buffer, gradient: required(inputs, 1).buffer, out: out.buffer };
    recordParameterGradients(device, buffers, rowsOf(x.shape, attributes));
  },

  reference([x, gradient], attributes) {
    const { weight, bias } = layerNormGradients([x, undefined, gradient], attributes);
    return { shape: [2, weight.data.length], data: joined(weight.data, bias.data) };
  },

  samples: [
    {
      inputs: [
        [130, 60],
        [130, 60],
      ],
      attributes: usual,
    },
    {
      inputs: [
        [2, 3, 5, 180],
        [2, 3, 5, 180],
      ],
      attributes: { eps: 1e-6 },
    },
    {
      name: 'odd channels',
      inputs: [
        [197, 7],
        [197, 7],
      ],
      attributes: usual,
    },
    {
      name: 'many rows',
      inputs: [
        [20_000, 4],
        [20_000, 4],
      ],
      attributes: usual,
    },
    {
      name: 'one channel',
      inputs: [
        [5, 1],
        [5, 1],
      ],
      attributes: usual,
    },
    { name: 'one row', inputs: [[24], [24]], attributes: usual },
    { name: 'far from zero', inputs: [pattern(66, 60, 100, 1e-2), [66, 60]], attributes: usual },
    {
      name: 'no rows',
      inputs: [
        [0, 8],
        [0, 8],
      ],
      attributes: usual,
    },
    {
      name: 'no channels',
      inputs: [
        [3, 0],
        [3, 0],
      ],
      attributes: usual,
    },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[], []], attributes: usual },
    {
      code: 'shape-mismatch',
      inputs: [
        [3, 4],
        [4, 3],
      ],
      attributes: usual,
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [3, 4],
        [3, 4],
      ],
      attributes: { eps: Number.NaN },
    },
  ],

  tolerance([x, gradient], attributes) {
    const [, weight, bias] = layerNormGradientTolerances([x, undefined, gradient], attributes);
    return joined(weight, bias);
  },
  vjp: firstOrder,
};

const rowsOf = (shape: Shape, { eps }: LayerNormAttributes) => ({
  rows: elements(shape.slice(0, -1)),
  channels: sizeOf(shape, -1),
  eps,
});

const joined = (a: NdArray['data'], b: NdArray['data']) => Float64Array.from([...a, ...b]);

function checkRows(op: string, x: TensorSpec, gradient: TensorSpec, eps: number): void {
  sizeOf(x.shape, -1);
  requireDType(op, 'x', x.dtype, 'f32');
  checkShape(op, 'gradient', gradient, x.shape);
  if (eps >= 0 && Number.isFinite(eps)) return;
  throw new ShapeError('attribute-invalid', `${op}: eps is ${eps}`, 'Pass a number from 0, such as 1e-5.');
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
 * Gradient of x [..., C] through `layerNorm(x, weight, bias)`, given that of its result [..., C]:
 * scale · (h − mean h − n · mean (h·n)) over each row, with h = gradient · weight and n the normalised row. x may exceed
 * one binding.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function layerNormGradient(
  x: Tensor,
  weight: Tensor,
  gradient: Tensor,
  attributes: LayerNormAttributes,
): Tensor {
  return apply(layerNormGradientOp, [x, weight, gradient], attributes);
}

/**
 * Gradients of weight and bias through `layerNorm(x, weight, bias)`, given that of its result: [2, C], the weight's
 * Σ gradient · n first, then the bias's Σ gradient, summed over the rows in a fixed order.
 * @throws ShapeError as `layerNormGradient`
 */
export function layerNormParameterGradients(
  x: Tensor,
  gradient: Tensor,
  attributes: LayerNormAttributes,
): Tensor {
  return apply(layerNormParameterGradientsOp, [x, gradient], attributes);
}
