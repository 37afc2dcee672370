import { groupNormApplyFamily, groupNormApply as record } from '@lua-webgpu/kernels';
import { sizeOf, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import {
  applied,
  checkGroups,
  checkOperand,
  type GroupNormAttributes,
  groupNormProblems,
  groupSizes,
  plausibleStatistics,
  statisticsShape,
} from './group-norm-reference.ts';

const usual: GroupNormAttributes = { groups: 4, eps: 1e-6 };

export const groupNormApplyOp: OpDefinition<GroupNormAttributes> = {
  name: 'groupNormApply',
  families: [groupNormApplyFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    const op = 'groupNormApply';
    checkGroups(op, x, attributes);
    const channels = [sizeOf(x.shape, -1)];
    checkOperand(op, 'weight', required(inputs, 1), channels);
    checkOperand(op, 'bias', required(inputs, 2), channels);
    checkOperand(op, 'statistics', required(inputs, 3), statisticsShape(x.shape, attributes));
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const buffers = {
      x: x.buffer,
      weight: required(inputs, 1).buffer,
      bias: required(inputs, 2).buffer,
      statistics: required(inputs, 3).buffer,
      out: out.buffer,
    };
    record(device, buffers, groupSizes(x.shape, attributes));
  },

  reference: (inputs, attributes) => ({
    shape: required(inputs, 0).shape,
    data: applied(inputs, attributes).data,
  }),

  samples: groupNormProblems.map(({ name, x, groups }) => {
    const attributes = { groups, eps: 1e-6 };
    const channels = [sizeOf(x, -1)];
    return { name, inputs: [x, channels, channels, plausibleStatistics(x, attributes)], attributes };
  }),

  refusals: [
    { code: 'shape-rank', inputs: [[8], [8], [8], [2, 8, 4]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[2, 3, 8], [4], [8], [2, 2, 4]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[2, 3, 8], [8], [8], [2, 2, 2]], attributes: usual },
    { code: 'attribute-invalid', inputs: [[2, 3, 6], [6], [6], [2, 2, 4]], attributes: usual },
  ],

  tolerance: (inputs, attributes) => applied(inputs, attributes).bound,

  vjp: { none: 'its statistics are given, and it is for inference in pieces; groupNorm has a gradient' },
};

/**
 * `groupNorm` of x [B, …, C] by given statistics [2, B, groups] in place of its own: the means, and the sums over as many
 * values as x has in a group of squared deviations from them. For maps that are normalised in pieces. No gradient.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function groupNormApply(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  statistics: Tensor,
  attributes: GroupNormAttributes,
): Tensor {
  return apply(groupNormApplyOp, [x, weight, bias, statistics], attributes);
}
