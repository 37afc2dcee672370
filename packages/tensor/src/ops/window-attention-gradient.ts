import {
  windowAttentionGradient as record,
  windowAttentionAndTableGradients as recordBoth,
  ShapeError,
  windowAttentionKeyFamily,
  windowAttentionQueryFamily,
  windowAttentionTableFamily,
} from '@lua-webgpu/kernels';
import {
  formatShape,
  requireDType,
  type Shape,
  sameShape,
  type Tensor,
  type TensorSpec,
} from '../core/index.ts';
import { apply, applyBoth, firstOrder, type OpDefinition, type Operands, required } from './define.ts';
import { attentionGradients, attentionGradientTolerances } from './window-attention-gradient-reference.ts';
import { gradientRefusals, gradientSamples } from './window-attention-gradient-samples.ts';
import { attentionSizes, inferAttention, type WindowAttentionAttributes } from './window-attention-shape.ts';

export const windowAttentionGradientOp: OpDefinition<WindowAttentionAttributes> = {
  name: 'windowAttentionGradient',
  families: [windowAttentionQueryFamily.name, windowAttentionKeyFamily.name, windowAttentionTableFamily.name],

  infer(inputs, attributes) {
    checkOperands('windowAttentionGradient', inputs, attributes);
    return { shape: required(inputs, 0).shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, second, attributes }) {
    const [qkv, table] = [required(inputs, 0), required(inputs, 1)];
    const [gradient, statistics] = [required(inputs, 2), required(inputs, 3)];
    const buffers = {
      qkv: qkv.buffer,
      table: table.buffer,
      gradient: gradient.buffer,
      statistics: statistics.buffer,
      out: out.buffer,
    };
    const sizes = attentionSizes(qkv.shape, attributes);
    if (second) recordBoth(device, { ...buffers, tableOut: second.buffer }, sizes);
    else record(device, buffers, sizes);
  },

  reference: (inputs, attributes) => attentionGradients(inputs, attributes).qkv,
  samples: gradientSamples,
  refusals: gradientRefusals,
  tolerance: (inputs, attributes) => attentionGradientTolerances(inputs, attributes).qkv.data,

  /** Of the bias table. */
  second: {
    infer: (inputs) => ({ shape: required(inputs, 1).shape, dtype: 'f32' }),
    reference: (inputs, attributes) => attentionGradients(inputs, attributes).table,
    tolerance: (inputs, attributes) => attentionGradientTolerances(inputs, attributes).table.data,
  },

  vjp: firstOrder,
};

function statisticsShape(qkv: Shape, { heads }: WindowAttentionAttributes): Shape {
  return [...qkv.slice(0, 3), heads, 2];
}

function checkOperands(
  op: string,
  inputs: Operands<TensorSpec>,
  attributes: WindowAttentionAttributes,
): void {
  const { shape } = inferAttention(op, inputs, attributes);
  checkOperand(op, 'gradient', required(inputs, 2), shape);
  const statistics = statisticsShape(required(inputs, 0).shape, attributes);
  checkOperand(op, 'statistics', required(inputs, 3), statistics);
}

function checkOperand(op: string, name: string, operand: TensorSpec, shape: Shape): void {
  requireDType(op, name, operand.dtype, 'f32');
  if (sameShape(operand.shape, shape)) return;
  throw new ShapeError(
    'shape-mismatch',
    `${op}: ${name} ${formatShape(operand.shape)} is not ${formatShape(shape)}`,
    `Pass a ${name} of shape ${formatShape(shape)}.`,
  );
}

/**
 * Gradient of qkv, with the statistics of the same operands (`windowAttentionStatistics`). qkv has to fit one binding.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`, AllocationError
 *   `binding-too-large`, as both functions of this file
 */
export function windowAttentionGradient(
  qkv: Tensor,
  table: Tensor,
  gradient: Tensor,
  statistics: Tensor,
  attributes: WindowAttentionAttributes,
): Tensor {
  return apply(windowAttentionGradientOp, [qkv, table, gradient, statistics], attributes);
}

/** Gradients of qkv and of the bias table [(2·window − 1)², heads], which is summed in a fixed order. */
export function windowAttentionAndTableGradients(
  qkv: Tensor,
  table: Tensor,
  gradient: Tensor,
  statistics: Tensor,
  attributes: WindowAttentionAttributes,
): { readonly qkv: Tensor; readonly table: Tensor } {
  const both = applyBoth(windowAttentionGradientOp, [qkv, table, gradient, statistics], attributes);
  return { qkv: both.result, table: both.second };
}
