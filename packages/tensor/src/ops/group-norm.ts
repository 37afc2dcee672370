import { groupNormApplyFamily, groupNormDeviationsFamily, groupNorm as record } from '@lua-webgpu/kernels';
import { sizeOf, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import {
  applied,
  checkGroups,
  checkOperand,
  type GroupNormAttributes,
  groupGradient,
  groupSizes,
  groupSums,
} from './group-norm-reference.ts';

export type { GroupNormAttributes } from './group-norm-reference.ts';

const usual: GroupNormAttributes = { groups: 4, eps: 1e-6 };

export const groupNormOp: OpDefinition<GroupNormAttributes> = {
  name: 'groupNorm',
  families: [groupNormDeviationsFamily.name, groupNormApplyFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    checkGroups('groupNorm', x, attributes);
    const channels = [sizeOf(x.shape, -1)];
    checkOperand('groupNorm', 'weight', required(inputs, 1), channels);
    checkOperand('groupNorm', 'bias', required(inputs, 2), channels);
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const buffers = {
      x: x.buffer,
      weight: required(inputs, 1).buffer,
      bias: required(inputs, 2).buffer,
      out: out.buffer,
    };
    record(device, buffers, groupSizes(x.shape, attributes));
  },

  reference: (inputs, attributes) => ({
    shape: required(inputs, 0).shape,
    data: applied(inputs, attributes).data,
  }),

  samples: [
    { inputs: [[2, 9, 10, 16], [16], [16]], attributes: usual },
    { inputs: [[1, 5, 6, 64], [64], [64]], attributes: { groups: 32, eps: 1e-5 } },
    {
      name: 'groups of one channel',
      inputs: [[2, 5, 6, 32], [32], [32]],
      attributes: { groups: 32, eps: 1e-6 },
    },
    { name: 'one group', inputs: [[3, 7, 4, 12], [12], [12]], attributes: { groups: 1, eps: 1e-6 } },
    { name: 'odd channels', inputs: [[2, 11, 13, 15], [15], [15]], attributes: { groups: 5, eps: 1e-6 } },
    { name: 'several chunks of pixels', inputs: [[1, 300, 8], [8], [8]], attributes: usual },
    { name: 'one pixel', inputs: [[3, 8], [8], [8]], attributes: usual },
    { name: 'one of all', inputs: [[1, 1, 1], [1], [1]], attributes: { groups: 1, eps: 1e-6 } },
    { name: 'no images', inputs: [[0, 4, 4, 8], [8], [8]], attributes: usual },
    { name: 'no pixels', inputs: [[2, 0, 4, 8], [8], [8]], attributes: usual },
    { name: 'no channels', inputs: [[2, 3, 0], [0], [0]], attributes: usual },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[8], [8], [8]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[2, 3, 8], [4], [8]], attributes: usual },
    { code: 'shape-mismatch', inputs: [[2, 3, 8], [8], [8, 1]], attributes: usual },
    { code: 'attribute-invalid', inputs: [[2, 3, 8], [8], [8]], attributes: { groups: 3, eps: 1e-6 } },
    { code: 'attribute-invalid', inputs: [[2, 3, 8], [8], [8]], attributes: { groups: 0, eps: 1e-6 } },
    { code: 'attribute-invalid', inputs: [[2, 3, 8], [8], [8]], attributes: { groups: 2, eps: -1 } },
  ],

  tolerance: (inputs, attributes) => applied(inputs, attributes).bound,

  vjp: {
    saves: { inputs: [0, 1] },

    run({ ops, inputs, gradient, wanted, attributes }) {
      const [x, weight] = [required(inputs, 0), required(inputs, 1)];
      const channels = sizeOf(x.shape, -1);
      const statistics = ops.groupNormStatistics(x, attributes);
      const sums = ops.groupNormSums(x, gradient, statistics, attributes);
      const both = ops.sum(sums, { axes: [0] });
      const row = (at: number) => ops.slice(both, [at, 0], [1, channels]).reshape([channels]);
      return [
        wanted[0] ? ops.groupNormGradient(x, weight, gradient, statistics, sums, attributes) : undefined,
        wanted[1] ? row(0) : undefined,
        wanted[2] ? row(1) : undefined,
      ];
    },

    reference([x, weight], attributes, cotangent) {
      const { shape, data } = groupGradient([x, weight, cotangent], attributes);
      const { data: sums } = groupSums([x, cotangent], attributes);
      return [{ shape, data }, ...overImages(sums, required([weight], 0).data.length)];
    },

    tolerance([x, weight], attributes, cotangent) {
      const { bound: sums } = groupSums([x, cotangent], attributes);
      // Adding up images costs less than one more rounding each.
      const bounds = overImages(sums, required([weight], 0).data.length).map(({ data }) =>
        data.map((value) => 2 * value),
      );
      return [groupGradient([x, weight, cotangent], attributes).bound, ...bounds];
    },

    samples: [
      { inputs: [[2, 4, 5, 16], [16], [16]], attributes: usual },
      {
        name: 'groups of one channel',
        inputs: [[2, 5, 4, 8], [8], [8]],
        attributes: { groups: 8, eps: 1e-6 },
      },
      { name: 'one group', inputs: [[3, 3, 4, 12], [12], [12]], attributes: { groups: 1, eps: 1e-5 } },
      { name: 'odd channels', inputs: [[2, 3, 7, 15], [15], [15]], attributes: { groups: 5, eps: 1e-6 } },
      { name: 'several chunks of pixels', inputs: [[1, 131, 8], [8], [8]], attributes: usual },
      {
        name: 'whole chunks, and more groups than a row of workgroups takes',
        inputs: [[5, 64, 32], [32], [32]],
        attributes: { groups: 32, eps: 1e-6 },
      },
      { name: 'no images', inputs: [[0, 4, 4, 8], [8], [8]], attributes: usual },
      { name: 'no pixels', inputs: [[2, 0, 4, 8], [8], [8]], attributes: usual },
      { name: 'no channels', inputs: [[2, 3, 0], [0], [0]], attributes: usual },
    ],
  },
};

/** [images, 2, channels] → two arrays of channels. */
function overImages(sums: Float64Array, channels: number) {
  const result = [0, 1].map(() => new Float64Array(channels));
  sums.forEach((value, i) => {
    const [part, channel] = [Math.floor(i / channels) % 2, i % channels];
    const target = result[part];
    if (target) target[channel] = (target[channel] ?? 0) + value;
  });
  return result.map((data) => ({ shape: [channels], data }));
}

/**
 * Group normalisation (Wu and He 2018) of x [B, …, C] over the pixels and channels of each of `groups` groups of C / groups
 * neighbouring channels, with biased variance: (x − mean) / √(variance + eps) · weight + bias, for weight [C], bias [C].
 * x may exceed one binding.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function groupNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  options: { groups: number; eps?: number },
): Tensor {
  return apply(groupNormOp, [x, weight, bias], { groups: options.groups, eps: options.eps ?? 1e-5 });
}
