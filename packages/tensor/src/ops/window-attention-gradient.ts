import {
  windowAttentionGradient as recordGradient,
  windowAttentionStatistics as recordStatistics,
  windowAttentionTableGradient as recordTableGradient,
  ShapeError,
  windowAttentionKeyFamily,
  windowAttentionQueryFamily,
  windowAttentionStatisticsFamily,
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
import {
  attentionGradients,
  attentionGradientTolerances,
  attentionStatistics,
  attentionStatisticsTolerance,
} from './window-attention-gradient-reference.ts';
import {
  gradientRefusals,
  gradientSamples,
  statisticsSamples,
  tableGradientSamples,
} from './window-attention-gradient-samples.ts';
import { attentionSizes, inferAttention, type WindowAttentionAttributes } from './window-attention-shape.ts';

export const windowAttentionStatisticsOp: OpDefinition<WindowAttentionAttributes> = {
  name: 'windowAttentionStatistics',
  families: [windowAttentionStatisticsFamily.name],

  infer(inputs, attributes) {
    checkOperands('windowAttentionStatistics', inputs, attributes);
    return { shape: statisticsShape(required(inputs, 0).shape, attributes), dtype: 'f32' };
  },

  forward(context) {
    const operands = buffersOf(context);
    recordStatistics(context.device, { ...operands, statistics: context.out.buffer }, sizesOf(context));
  },

  reference: attentionStatistics,
  samples: statisticsSamples,
  refusals: gradientRefusals(false),
  tolerance: attentionStatisticsTolerance,
  vjp: firstOrder,
};

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
  refusals: gradientRefusals(true),
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
  refusals: gradientRefusals(true),
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
 * What the gradients of `windowAttention(qkv, table, attributes)` need of each query, given the gradient of its result
 * [B, H, W, heads·d]: [B, H, W, heads, 2] = (log Σ exp(score), Σ weight · (gradient · v)), the sums over the keys of
 * the query's window (Dao 2023, FlashAttention-2, §3.1). It replaces the attention weights, which are computed again.
 * qkv has to fit one binding.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`, AllocationError
 *   `binding-too-large`, as all ops of this file
 */
export function windowAttentionStatistics(
  qkv: Tensor,
  table: Tensor,
  gradient: Tensor,
  attributes: WindowAttentionAttributes,
): Tensor {
  return apply(windowAttentionStatisticsOp, [qkv, table, gradient], attributes);
}

/** Gradient of qkv, with the statistics of the same operands. */
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
