import { layerNormFamily, layerNorm as record, ShapeError } from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, sameShape, sizeOf, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, type Operands, required } from './define.ts';
import {
  boundRows,
  eachRow,
  errorsOfNormal,
  type LayerNormAttributes,
  layerNormGradients,
  layerNormGradientTolerances,
  layerNormStatistics,
  layerNormStatisticsTolerance,
  pattern,
  statisticsShape,
} from './layer-norm-reference.ts';
import { epsilon } from './tolerance.ts';

export type { LayerNormAttributes } from './layer-norm-reference.ts';

const usual: LayerNormAttributes = { eps: 1e-5 };
const operandsOf = (inputs: Operands<NdArray>) => ({
  x: required(inputs, 0),
  weight: inputs[1],
  bias: inputs[2],
});

export const layerNormOp: OpDefinition<LayerNormAttributes> = {
  name: 'layerNorm',
  families: [layerNormFamily.name],

  infer(inputs, { eps }) {
    const x = required(inputs, 0);
    const channels = sizeOf(x.shape, -1);
    requireDType('layerNorm', 'x', x.dtype, 'f32');
    for (const [name, operand] of Object.entries({
      weight: required(inputs, 1),
      bias: required(inputs, 2),
    })) {
      requireDType('layerNorm', name, operand.dtype, 'f32');
      if (sameShape(operand.shape, [channels])) continue;
      throw new ShapeError(
        'shape-mismatch',
        `layerNorm: ${name} ${formatShape(operand.shape)} does not fit x ${formatShape(x.shape)}`,
        `Pass a ${name} of shape [${channels}].`,
      );
    }
    if (!(eps >= 0 && Number.isFinite(eps))) {
      throw new ShapeError(
        'attribute-invalid',
        `layerNorm: eps is ${eps}`,
        'Pass a number from 0, such as 1e-5.',
      );
    }
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, second, attributes }) {
    const x = required(inputs, 0);
    const buffers = {
      x: x.buffer,
      weight: required(inputs, 1).buffer,
      bias: required(inputs, 2).buffer,
      out: out.buffer,
      statistics: second?.buffer,
    };
    const channels = sizeOf(x.shape, -1);
    record(device, buffers, { rows: elements(x.shape.slice(0, -1)), channels, eps: attributes.eps });
  },

  reference(inputs, { eps }) {
    const { shape } = required(inputs, 0);
    const data = new Float64Array(elements(shape));
    eachRow(operandsOf(inputs), eps, (row) => {
      row.x.forEach((x, c) => {
        data[row.first + c] = (x - row.mean) * row.scale * row.weight(c) + row.bias(c);
      });
    });
    return { shape, data };
  },

  samples: [
    { inputs: [[33, 60], [60], [60]], attributes: usual },
    { inputs: [[2, 3, 5, 180], [180], [180]], attributes: usual },
    { inputs: [[7, 360], [360], [360]], attributes: { eps: 1e-6 } },
    { name: 'odd channels', inputs: [[11, 7], [7], [7]], attributes: usual },
    { name: 'one vec4', inputs: [[131, 4], [4], [4]], attributes: usual },
    { name: 'one channel leaves the bias', inputs: [[5, 1], [1], [1]], attributes: usual },
    { name: 'one row', inputs: [[24], [24], [24]], attributes: usual },
    { name: 'long rows', inputs: [[3, 5000], [5000], [5000]], attributes: usual },
    { name: 'variance below eps', inputs: [pattern(9, 60, 0, 1e-3), [60], [60]], attributes: usual },
    { name: 'far from zero', inputs: [pattern(6, 60, 100, 1e-2), [60], [60]], attributes: usual },
    { name: 'constant rows', inputs: [pattern(4, 12, -3, 0), [12], [12]], attributes: usual },
    { name: 'no rows', inputs: [[0, 8], [8], [8]], attributes: usual },
    { name: 'no channels', inputs: [[3, 0], [0], [0]], attributes: usual },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[], [1], [1]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[3, 4], [5], [4]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[3, 4], [4], [4, 1]], attributes: usual },
    { code: 'attribute-invalid', inputs: [[3, 4], [4], [4]], attributes: { eps: -1e-5 } },
    { code: 'attribute-invalid', inputs: [[3, 4], [4], [4]], attributes: { eps: Number.NaN } },
  ],

  tolerance(inputs, { eps }) {
    return boundRows(operandsOf(inputs), eps, (row) => {
      const errors = errorsOfNormal(row);
      return (_, c) => (errors[c] ?? 0) * Math.abs(row.weight(c)) + 2 * epsilon * Math.abs(row.bias(c));
    });
  },

  /** Mean and 1 / √(variance + eps) of each row. */
  second: {
    infer: (inputs) => ({ shape: statisticsShape(required(inputs, 0).shape), dtype: 'f32' }),
    reference: (inputs, { eps }) => layerNormStatistics(required(inputs, 0), eps),
    tolerance: (inputs, { eps }) => layerNormStatisticsTolerance(required(inputs, 0), eps),
  },

  vjp: {
    saves: { inputs: [0, 1], second: true },

    run({ ops, inputs, second, gradient, wanted }) {
      const [x, weight] = [required(inputs, 0), required(inputs, 1)];
      const statistics = required([second], 0);
      const channels = sizeOf(x.shape, -1);
      const both = wanted[1] ? ops.layerNormParameterGradients(x, gradient, statistics) : undefined;
      const row = (at: number) => both && ops.slice(both, [at, 0], [1, channels]).reshape([channels]);
      const columns = () => ops.sum(gradient, { axes: x.shape.slice(0, -1).map((_, axis) => axis) });
      return [
        wanted[0] ? ops.layerNormGradient(x, weight, gradient, statistics) : undefined,
        row(0),
        wanted[2] ? (row(1) ?? columns()) : undefined,
      ];
    },

    reference([x, weight], { eps }, cotangent) {
      const gradients = layerNormGradients([x, weight, cotangent], eps);
      return [gradients.x, gradients.weight, gradients.bias];
    },

    tolerance: ([x, weight], { eps }, cotangent) => layerNormGradientTolerances([x, weight, cotangent], eps),

    samples: [
      { inputs: [[33, 60], [60], [60]], attributes: usual },
      { inputs: [[2, 3, 5, 180], [180], [180]], attributes: usual },
      { name: 'odd channels', inputs: [[11, 7], [7], [7]], attributes: usual },
      { name: 'several groups of rows', inputs: [[131, 4], [4], [4]], attributes: usual },
      { name: 'one channel', inputs: [[5, 1], [1], [1]], attributes: usual },
      { name: 'one row', inputs: [[24], [24], [24]], attributes: { eps: 1e-6 } },
      { name: 'long rows', inputs: [[2, 1000], [1000], [1000]], attributes: usual },
      { name: 'variance below eps', inputs: [pattern(9, 60, 0, 1e-3), [60], [60]], attributes: usual },
      { name: 'far from zero', inputs: [pattern(6, 60, 100, 1e-2), [60], [60]], attributes: usual },
      { name: 'constant rows', inputs: [pattern(4, 12, -3, 0), [12], [12]], attributes: usual },
      { name: 'no rows', inputs: [[0, 8], [8], [8]], attributes: usual },
      { name: 'no channels', inputs: [[3, 0], [0], [0]], attributes: usual },
    ],
  },
};

/**
 * Layer normalisation over the last axis (Ba et al. 2016), with biased variance:
 * (x − mean) / √(variance + eps) · weight + bias, for x [..., C], weight [C], bias [C].
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, options: { eps?: number } = {}): Tensor {
  return apply(layerNormOp, [x, weight, bias], { eps: options.eps ?? 1e-5 });
}
