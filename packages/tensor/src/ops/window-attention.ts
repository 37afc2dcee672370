import { windowAttention as record, windowAttentionFamily } from '@lua-webgpu/kernels';
import type { Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { attentionGradients, attentionGradientTolerances } from './window-attention-gradient-reference.ts';
import { vjpSamples } from './window-attention-gradient-samples.ts';
import {
  attentionLogSums,
  attentionLogSumsTolerance,
  attentionReference,
  attentionTolerance,
} from './window-attention-reference.ts';
import { attentionRefusals, attentionSamples } from './window-attention-samples.ts';
import { attentionSizes, inferAttention, type WindowAttentionAttributes } from './window-attention-shape.ts';

export type { WindowAttentionAttributes } from './window-attention-shape.ts';

export const windowAttentionOp: OpDefinition<WindowAttentionAttributes> = {
  name: 'windowAttention',
  families: [windowAttentionFamily.name],
  infer: (inputs, attributes) => inferAttention('windowAttention', inputs, attributes),

  forward({ device, inputs, out, second, attributes }) {
    const [qkv, table] = [required(inputs, 0), required(inputs, 1)];
    const buffers = { qkv: qkv.buffer, table: table.buffer, out: out.buffer, logSums: second?.buffer };
    record(device, buffers, attentionSizes(qkv.shape, attributes));
  },

  reference: attentionReference,
  samples: attentionSamples,
  refusals: attentionRefusals,
  tolerance: attentionTolerance,

  /** log Σ exp(score) of each query. */
  second: {
    infer: ([qkv], { heads }) => ({ shape: [...(qkv?.shape ?? []).slice(0, 3), heads], dtype: 'f32' }),
    reference: attentionLogSums,
    tolerance: attentionLogSumsTolerance,
  },

  vjp: {
    saves: { inputs: [0, 1], output: true, second: true },

    run({ ops, inputs, output, second, gradient, wanted, attributes }) {
      const [qkv, table] = [required(inputs, 0), required(inputs, 1)];
      const [out, logSums] = [required([output], 0), required([second], 0)];
      const statistics = ops.windowAttentionStatistics(out, gradient, logSums);
      const operands = [qkv, table, gradient, statistics, attributes] as const;
      if (!wanted[1]) return [ops.windowAttentionGradient(...operands), undefined];
      const gradients = ops.windowAttentionAndTableGradients(...operands);
      return [gradients.qkv, gradients.table];
    },

    reference([qkv, table], attributes, cotangent) {
      const gradients = attentionGradients([qkv, table, cotangent], attributes);
      return [gradients.qkv, gradients.table];
    },

    tolerance([qkv, table], attributes, cotangent) {
      const bounds = attentionGradientTolerances([qkv, table, cotangent], attributes);
      return [bounds.qkv.data, bounds.table.data];
    },

    samples: vjpSamples,
  },
};

/**
 * Multi-head attention inside the windows of an image, with relative position bias and cyclic shift, as in SwinIR
 * (Liang et al. 2021; shifted windows: Liu et al. 2021).
 *
 * qkv [B, H, W, 3·heads·d], channel (part·heads + head)·d + i with part 0 q, 1 k, 2 v; table [(2·window − 1)², heads];
 * result [B, H, W, heads·d]. The image is rolled by −shift, cut into windows, and per window and head
 * softmax(scale · q kᵀ + bias + mask) v is written back where q was read; bias of query i on key j is the table's row
 * (yi − yj + window − 1)(2·window − 1) + xi − xj + window − 1, mask is −100 between tokens of different regions of
 * SwinIR's image mask where shift > 0. H and W are multiples of the window.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`; on a tape AllocationError
 *   `binding-too-large` where qkv exceeds one binding
 */
export function windowAttention(qkv: Tensor, table: Tensor, attributes: WindowAttentionAttributes): Tensor {
  return apply(windowAttentionOp, [qkv, table], attributes);
}
