import {
  windowAttentionGradient as recordGradient,
  windowAttentionTableGradient as recordTableGradient,
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
import {
  apply,
  type ForwardContext,
  firstOrder,
  type OpDefinition,
  type Operands,
  required,
} from './define.ts';
import { attentionGradients, attentionGradientTolerances } from './window-attention-gradient-reference.ts';
import {
  gradientRefusals,
  gradientSamples,
  tableGradientSamples,
} from './window-attention-gradient-samples.ts';
import { attentionSizes, inferAttention, type WindowAttentionAttributes } from './window-attention-shape.ts';

export const windowAttentionGradientOp: OpDefinition<WindowAttentionAttributes> = {
  name: 'windowAttentionGradient',
  families: [windowAttentionQueryFamily.name, windowAttentionKeyFamily.name],

  infer(inputs, attributes) {
    checkOperands('windowAttentionGradient', inputs, attributes);
    checkStatistics('windowAttentionGradient', inputs, attributes);
    return { shape: required(inputs, 0).shape, dtype: 'f32' };
  },

  forward(context) {
    const statistics = required(context.inputs, 3).buffer;
    recordGradient(
      context.device,
      { ...buffersOf(context), statistics, out: context.out.buffer },
      sizesOf(context),
    );
  },

  reference: (inputs, attributes) => attentionGradients(inputs, attributes).qkv,
  samples: gradientSamples,
  refusals: gradientRefusals,
  tolerance: (inputs, attributes) => attentionGradientTolerances(inputs, attributes).qkv.data,
  vjp: firstOrder,
};

export const windowAttentionTableGradientOp: OpDefinition<WindowAttentionAttributes> = {
  name: 'windowAttentionTableGradient',
  families: [windowAttentionTableFamily.name],

  infer(inputs, attributes) {
    checkOperands('windowAttentionTableGradient', inputs, attributes);
    checkStatistics('windowAttentionTableGradient', inputs, attributes);
    return { shape: required(inputs, 1).shape, dtype: 'f32' };
  },

  forward(context) {
    const statistics = required(context.inputs, 3).buffer;
    recordTableGradient(
      context.device,
      { ...buffersOf(context), statistics, out: context.out.buffer },
      sizesOf(context),
    );
  },

  reference: (inputs, attributes) => attentionGradients(inputs, attributes).table,
  samples: tableGradientSamples,
  refusals: gradientRefusals,
  tolerance: (inputs, attributes) => attentionGradientTolerances(inputs, attributes).table.data,
  vjp: firstOrder,
};

type Context = ForwardContext<WindowAttentionAttributes>;

const sizesOf = ({ inputs, attributes }: Context) => attentionSizes(required(inputs, 0).shape, attributes);
const buffersOf = ({ inputs }: Context) => ({
  qkv: required(inputs, 0).buffer,
  table: required(inputs, 1).buffer,
  gradient: required(inputs, 2).buffer,
});

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
}

function checkStatistics(
  op: string,
  inputs: Operands<TensorSpec>,
  attributes: WindowAttentionAttributes,
): void {
  const expected = statisticsShape(required(inputs, 0).shape, attributes);
  checkOperand(op, 'statistics', required(inputs, 3), expected);
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
 *   `binding-too-large`, as both ops of this file
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

/** Gradient of the bias table [(2·window − 1)², heads], summed in a fixed order. */
export function windowAttentionTableGradient(
  qkv: Tensor,
  table: Tensor,
  gradient: Tensor,
  statistics: Tensor,
  attributes: WindowAttentionAttributes,
): Tensor {
  return apply(windowAttentionTableGradientOp, [qkv, table, gradient, statistics], attributes);
}
