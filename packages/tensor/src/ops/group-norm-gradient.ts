import {
  groupNormDeviationsFamily,
  groupNormGradientFamily,
  groupNormSumsFamily,
  groupNormGradient as recordGradient,
  groupNormStatistics as recordStatistics,
  groupNormSums as recordSums,
} from '@lua-webgpu/kernels';
import { type Shape, sizeOf, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required, type Sample } from './define.ts';
import {
  checkGroups,
  checkOperand,
  eachGroup,
  type GroupNormAttributes,
  groupGradient,
  groupNormProblems,
  groupSizes,
  groupSums,
  plausibleStatistics,
  statisticsShape,
} from './group-norm-reference.ts';

const usual: GroupNormAttributes = { groups: 4, eps: 1e-6 };

const sumsShape = (x: Shape) => [x[0] ?? 0, 2, sizeOf(x, -1)];

const samplesOf = (
  inputs: (x: Shape, attributes: GroupNormAttributes) => Sample<GroupNormAttributes>['inputs'],
): readonly Sample<GroupNormAttributes>[] =>
  groupNormProblems.map(({ name, x, groups }) => {
    const attributes = { groups, eps: 1e-6 };
    return { name, inputs: inputs(x, attributes), attributes };
  });

export const groupNormStatisticsOp: OpDefinition<GroupNormAttributes> = {
  name: 'groupNormStatistics',
  families: [groupNormDeviationsFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    checkGroups('groupNormStatistics', x, attributes);
    return { shape: statisticsShape(x.shape, attributes), dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    recordStatistics(device, { x: x.buffer, statistics: out.buffer }, groupSizes(x.shape, attributes));
  },

  reference: (inputs, attributes) => statisticsOf(required(inputs, 0), attributes, 'value'),
  samples: samplesOf((x) => [x]),
  refusals: [
    { code: 'shape-rank', inputs: [[8]], attributes: usual },
    { code: 'attribute-invalid', inputs: [[2, 3, 6]], attributes: usual },
  ],
  tolerance: (inputs, attributes) => statisticsOf(required(inputs, 0), attributes, 'error').data,
  vjp: firstOrder,
};

function statisticsOf(x: NdArray, attributes: GroupNormAttributes, what: 'value' | 'error'): NdArray {
  const shape = statisticsShape(x.shape, attributes);
  const data = new Float64Array(2 * (x.shape[0] ?? 0) * attributes.groups);
  eachGroup(x, undefined, attributes, ({ at, all, mean, meanError, sum, sumError }) => {
    data[at] = what === 'value' ? mean : meanError;
    data[all + at] = what === 'value' ? sum : sumError;
  });
  return { shape, data };
}

export const groupNormSumsOp: OpDefinition<GroupNormAttributes> = {
  name: 'groupNormSums',
  families: [groupNormSumsFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    checkGroups('groupNormSums', x, attributes);
    checkOperand('groupNormSums', 'gradient', required(inputs, 1), x.shape);
    checkOperand('groupNormSums', 'statistics', required(inputs, 2), statisticsShape(x.shape, attributes));
    return { shape: sumsShape(x.shape), dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [gradient, statistics] = [required(inputs, 1).buffer, required(inputs, 2).buffer];
    const buffers = { x: x.buffer, gradient, statistics, out: out.buffer };
    recordSums(device, buffers, groupSizes(x.shape, attributes));
  },

  reference(inputs, attributes) {
    const { shape, data } = groupSums(inputs, attributes);
    return { shape, data };
  },
  samples: samplesOf((x, attributes) => [x, x, plausibleStatistics(x, attributes)]),
  refusals: [
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 3, 8],
        [2, 3, 4],
        [2, 2, 4],
      ],
      attributes: usual,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 3, 8],
        [2, 3, 8],
        [2, 2, 2],
      ],
      attributes: usual,
    },
  ],
  tolerance: (inputs, attributes) => groupSums(inputs, attributes).bound,
  vjp: firstOrder,
};

export const groupNormGradientOp: OpDefinition<GroupNormAttributes> = {
  name: 'groupNormGradient',
  families: [groupNormGradientFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    const op = 'groupNormGradient';
    checkGroups(op, x, attributes);
    checkOperand(op, 'weight', required(inputs, 1), [sizeOf(x.shape, -1)]);
    checkOperand(op, 'gradient', required(inputs, 2), x.shape);
    checkOperand(op, 'statistics', required(inputs, 3), statisticsShape(x.shape, attributes));
    checkOperand(op, 'sums', required(inputs, 4), sumsShape(x.shape));
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const buffers = {
      x: x.buffer,
      weight: required(inputs, 1).buffer,
      gradient: required(inputs, 2).buffer,
      statistics: required(inputs, 3).buffer,
      sums: required(inputs, 4).buffer,
      out: out.buffer,
    };
    recordGradient(device, buffers, groupSizes(x.shape, attributes));
  },

  reference(inputs, attributes) {
    const { shape, data } = groupGradient(inputs, attributes);
    return { shape, data };
  },
  samples: samplesOf((x, attributes) => [
    x,
    [sizeOf(x, -1)],
    x,
    plausibleStatistics(x, attributes),
    sumsShape(x),
  ]),
  refusals: [
    { code: 'shape-mismatch', inputs: [[2, 3, 8], [4], [2, 3, 8], [2, 2, 4], [2, 2, 8]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[2, 3, 8], [8], [2, 3, 8], [2, 2, 4], [2, 8]], attributes: usual },
  ],
  tolerance: (inputs, attributes) => groupGradient(inputs, attributes).bound,
  vjp: firstOrder,
};

/**
 * What `groupNorm` normalises x [B, …, C] by: [2, B, groups], the means and then the sums of squared deviations from
 * them. Zeros for groups without elements.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`, as all ops of this file
 */
export function groupNormStatistics(x: Tensor, attributes: GroupNormAttributes): Tensor {
  return apply(groupNormStatisticsOp, [x], attributes);
}

/**
 * Sums over the pixels of each image that the gradients of `groupNorm` are made of, given that of its result:
 * [B, 2, C], Σ gradient · n and Σ gradient, with n the normalised x; in a fixed order.
 */
export function groupNormSums(
  x: Tensor,
  gradient: Tensor,
  statistics: Tensor,
  attributes: GroupNormAttributes,
): Tensor {
  return apply(groupNormSumsOp, [x, gradient, statistics], attributes);
}

/** Gradient of x through `groupNorm`, with the statistics of x and `groupNormSums` of the same operands. */
export function groupNormGradient(
  x: Tensor,
  weight: Tensor,
  gradient: Tensor,
  statistics: Tensor,
  sums: Tensor,
  attributes: GroupNormAttributes,
): Tensor {
  return apply(groupNormGradientOp, [x, weight, gradient, statistics, sums], attributes);
}
