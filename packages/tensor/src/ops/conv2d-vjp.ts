import { elements, imageSizes, joinScopes, type Shape, type Tensor } from '../core/index.ts';
import { type Conv2dAttributes, convolutionGradients } from './conv2d-reference.ts';
import { type Conv2dWeightGradientAttributes, columnSums } from './conv2d-weight-gradient.ts';
import { type NdArray, type Operands, type Ops, required, type Vjp } from './define.ts';
import { requireLinear } from './fused-activation.ts';
import { absolute, reductionBound } from './tolerance.ts';

/** The gradients of a convolution's input, weight and bias; of one with an activation, `withActivation`. */
export const conv2dVjp: Vjp<Conv2dAttributes> = {
  saves: ([, weight], { activation }) => {
    requireLinear('conv2d', activation);
    return { inputs: weight ? [0, 1] : [1] };
  },

  run({ ops, inputs, specs, gradient, wanted, attributes }) {
    const { stride, padding } = attributes;
    const [kernelHeight, kernelWidth] = imageSizes(required(specs, 1).shape);
    const geometry = { kernelHeight, kernelWidth, stride, padding };
    return [
      wanted[0]
        ? inputGradient(ops, required(specs, 0).shape, required(inputs, 1), gradient, attributes)
        : undefined,
      ...parameterGradients(ops, inputs[0], gradient, geometry, wanted),
    ];
  },

  reference: (inputs, attributes, cotangent) => gradients(inputs, cotangent, attributes),

  tolerance(inputs, attributes, cotangent) {
    const magnitudes = inputs.map((input) => input && absolute(input));
    const sums = gradients(magnitudes, absolute(cotangent), attributes);
    const weight = required(inputs, 1).shape;
    const [kernelHeight = 0, kernelWidth = 0, , cout = 0] = weight;
    const pixels = elements(cotangent.shape.slice(0, -1));
    return [kernelHeight * kernelWidth * cout, pixels, pixels].map((length, i) => {
      const sum = sums[i];
      return sum && reductionBound(length + 1, sum);
    });
  },
};

/** Gradients of weight and bias, operands 1 and 2, where they are wanted: out of one kernel where both are. */
export function parameterGradients(
  ops: Ops,
  x: Tensor | undefined,
  gradient: Tensor,
  geometry: Conv2dWeightGradientAttributes,
  wanted: readonly boolean[],
): readonly [Tensor | undefined, Tensor | undefined] {
  if (wanted[1] && wanted[2]) {
    const { weight, bias } = ops.conv2dParameterGradients(required([x], 0), gradient, geometry);
    return [weight, bias];
  }
  return [
    wanted[1] ? ops.conv2dWeightGradient(required([x], 0), gradient, geometry) : undefined,
    wanted[2] ? ops.sum(gradient, { axes: [0, 1, 2] }) : undefined,
  ];
}

/**
 * A convolution of the gradient with the mirrored weight. With a stride the gradient's pixels are that far apart in x,
 * with zeros between them.
 */
function inputGradient(
  ops: Ops,
  x: Shape,
  weight: Tensor,
  gradient: Tensor,
  { stride, padding }: Conv2dAttributes,
): Tensor {
  // A convolution refuses to have no pixels.
  if (elements(x) === 0) return joinScopes('conv2d', [gradient]).empty(x);
  const [kernelHeight, kernelWidth] = imageSizes(weight.shape);
  const [, height, width] = imageSizes(x);
  const spread = spreadOut(ops, gradient, stride);
  const [, spreadHeight, spreadWidth] = imageSizes(spread.shape);
  const top = kernelHeight - 1 - padding.top;
  const left = kernelWidth - 1 - padding.left;
  const bottom = height - spreadHeight + padding.top;
  const right = width - spreadWidth + padding.left;
  const cropped = crop(ops, spread, { top, bottom, left, right });
  return ops.conv2d(cropped, ops.conv2dTransposeWeight(weight), {
    padding: {
      top: Math.max(0, top),
      bottom: Math.max(0, bottom),
      left: Math.max(0, left),
      right: Math.max(0, right),
    },
  });
}

/** [B, H, W, C] → [B, stride·H, stride·W, C] with stride − 1 zeros after every pixel in both directions. */
function spreadOut(ops: Ops, x: Tensor, stride: number): Tensor {
  if (stride === 1) return x;
  const [batch, height, width, channels] = imageSizes(x.shape);
  const none = { top: 0, bottom: 0, left: 0, right: 0, mode: 'zeros' } as const;
  const wide = ops.pad2d(x.reshape([batch * height, width, 1, channels]), { ...none, right: stride - 1 });
  const rows = wide.reshape([batch * height, 1, width * stride, channels]);
  return ops
    .pad2d(rows, { ...none, bottom: stride - 1 })
    .reshape([batch, height * stride, width * stride, channels]);
}

/** Without the pixels that a negative padding takes away: those of windows that hold nothing but padding. */
function crop(
  ops: Ops,
  x: Tensor,
  sides: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number },
): Tensor {
  const { top, bottom, left, right } = sides;
  if (Math.min(top, bottom, left, right) >= 0) return x;
  const [, height, width] = imageSizes(x.shape);
  return ops.crop2d(x, {
    top: Math.max(0, -top),
    left: Math.max(0, -left),
    height: height + Math.min(0, top) + Math.min(0, bottom),
    width: width + Math.min(0, left) + Math.min(0, right),
  });
}

function gradients(
  inputs: Operands<NdArray>,
  inner: NdArray,
  attributes: Conv2dAttributes,
): Operands<NdArray> {
  const { x, weight } = convolutionGradients(required(inputs, 0), required(inputs, 1), inner, attributes);
  return [x, weight, inputs[2] && columnSums(inner)];
}
