import {
  type Activation,
  type Conv2dShape,
  conv2dFamily,
  conv2dOutputSize,
  type Padding,
  conv2d as recordConv2d,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, type Tensor } from '../core/index.ts';
import { activate, activationGain } from './activation.ts';
import { type Conv2dAttributes, correlate, geometryOf } from './conv2d-reference.ts';
import { conv2dVjp } from './conv2d-vjp.ts';
import { apply, type OpDefinition, required, type Sample } from './define.ts';
import { withActivation } from './fused-activation.ts';
import { absolute, reductionBound } from './tolerance.ts';

const around = (size: number): Padding => ({ top: size, bottom: size, left: size, right: size });
const same: Conv2dAttributes = { stride: 1, padding: around(1), activation: { kind: 'none' } };
const valid: Conv2dAttributes = { ...same, padding: around(0) };
const gelu: Conv2dAttributes = { ...same, activation: { kind: 'gelu' } };
const leaky: Conv2dAttributes = { ...same, activation: { kind: 'leaky-relu', slope: 0.2 } };
const halving: Conv2dAttributes = { ...same, stride: 2 };
const kl: Conv2dAttributes = { ...halving, padding: { top: 0, bottom: 1, left: 0, right: 1 } };

const samples: readonly Sample<Conv2dAttributes>[] = [
  { inputs: [[1, 8, 8, 60], [3, 3, 60, 60], [60]], attributes: same },
  { inputs: [[2, 9, 7, 8], [3, 3, 8, 12], [12]], attributes: gelu },
  { inputs: [[3, 5, 11, 4], [3, 3, 4, 8], undefined], attributes: leaky },
  {
    name: 'more channels than a workgroup',
    inputs: [[1, 3, 5, 8], [3, 3, 8, 300], [300]],
    attributes: same,
  },
  { name: 'one vector of channels', inputs: [[1, 13, 10, 12], [3, 3, 12, 4], [4]], attributes: same },
  { name: 'stride 2', inputs: [[2, 9, 8, 8], [3, 3, 8, 8], [8]], attributes: halving },
  { name: 'stride 2 padded below', inputs: [[1, 8, 10, 4], [3, 3, 4, 8], [8]], attributes: kl },
  { name: '1×1', inputs: [[2, 5, 7, 12], [1, 1, 12, 8], [8]], attributes: { ...gelu, padding: around(0) } },
  { name: '1×1 stride 2', inputs: [[1, 5, 7, 8], [1, 1, 8, 4], [4]], attributes: { ...valid, stride: 2 } },
  { name: '1×1 padded', inputs: [[1, 2, 3, 4], [1, 1, 4, 4], [4]], attributes: same },
  { name: '7×7', inputs: [[1, 9, 8, 4], [7, 7, 4, 4], [4]], attributes: { ...same, padding: around(3) } },
  {
    name: 'odd channels, tall kernel',
    inputs: [[2, 7, 6, 3], [5, 3, 3, 5], [5]],
    attributes: { ...leaky, padding: { top: 1, bottom: 3, left: 2, right: 0 } },
  },
  {
    name: 'lopsided padding',
    inputs: [[2, 7, 6, 8], [5, 3, 8, 12], [12]],
    attributes: { ...leaky, padding: { top: 1, bottom: 3, left: 2, right: 0 } },
  },
  { name: 'no padding', inputs: [[1, 5, 4, 8], [3, 3, 8, 4], undefined], attributes: valid },
  {
    name: 'windows of nothing but padding',
    inputs: [[1, 2, 2, 4], [3, 3, 4, 4], [4]],
    attributes: { ...same, padding: around(4) },
  },
  { name: 'one pixel', inputs: [[1, 1, 1, 1], [3, 3, 1, 1], [1]], attributes: same },
  { name: 'no images', inputs: [[0, 4, 4, 4], [3, 3, 4, 4], [4]], attributes: same },
  { name: 'no channels out', inputs: [[1, 4, 4, 4], [3, 3, 4, 0], [0]], attributes: same },
  { name: 'no channels in leave the bias', inputs: [[1, 3, 4, 0], [3, 3, 0, 4], [4]], attributes: same },
  { name: 'no rows but padding', inputs: [[1, 0, 3, 4], [1, 1, 4, 4], [4]], attributes: same },
];

export const conv2dOp: OpDefinition<Conv2dAttributes> = {
  name: 'conv2d',
  families: [conv2dFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    const weight = required(inputs, 1);
    const bias = inputs[2];
    for (const [name, operand] of Object.entries({ x, weight, bias })) {
      if (operand) requireDType('conv2d', name, operand.dtype, 'f32');
    }
    requireRank('conv2d', 'x', x.shape, 4);
    requireRank('conv2d', 'weight', weight.shape, 4);
    checkAttributes(attributes);
    const shape = shapeOf(x.shape, weight.shape, bias !== undefined, attributes);
    if (weight.shape[2] !== shape.cin) {
      throw new ShapeError(
        'shape-mismatch',
        `conv2d: x ${formatShape(x.shape)} has ${shape.cin} channels, weight ${formatShape(weight.shape)} takes ${weight.shape[2]}`,
        'Pass x as [B, H, W, Cin] and weight as [kh, kw, Cin, Cout].',
      );
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== shape.cout)) {
      throw new ShapeError(
        'shape-mismatch',
        `conv2d: bias ${formatShape(bias.shape)} does not fit weight ${formatShape(weight.shape)}`,
        `Pass a bias of shape [${shape.cout}].`,
      );
    }
    const { height, width } = conv2dOutputSize(shape);
    if (shape.kernelHeight * shape.kernelWidth === 0 || height < 1 || width < 1) {
      throw new ShapeError(
        'shape-mismatch',
        `conv2d: x ${formatShape(x.shape)} with padding ${JSON.stringify(attributes.padding)} has no place for the kernel of weight ${formatShape(weight.shape)}`,
        'Pad x to at least the size of the kernel.',
      );
    }
    return { shape: [shape.batch, height, width, shape.cout], dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const weight = required(inputs, 1);
    const bias = inputs[2];
    recordConv2d(
      device,
      { x: x.buffer, weight: weight.buffer, bias: bias?.buffer, out: out.buffer },
      shapeOf(x.shape, weight.shape, bias !== undefined, attributes),
    );
  },

  reference(inputs, attributes) {
    const linear = correlate(inputs, attributes);
    return { shape: linear.shape, data: linear.data.map((value) => activate(attributes.activation, value)) };
  },

  samples,

  refusals: [
    { code: 'shape-rank', inputs: [[8, 8, 4], [3, 3, 4, 4], undefined], attributes: same },
    { code: 'shape-rank', inputs: [[1, 8, 8, 4], [36, 4], undefined], attributes: same },
    { code: 'shape-mismatch', inputs: [[1, 8, 8, 4], [3, 3, 5, 4], undefined], attributes: same },
    { code: 'shape-mismatch', inputs: [[1, 8, 8, 4], [3, 3, 4, 8], [4]], attributes: same },
    { code: 'shape-mismatch', inputs: [[1, 8, 2, 4], [3, 3, 4, 4], undefined], attributes: valid },
    { code: 'shape-mismatch', inputs: [[1, 8, 8, 4], [0, 3, 4, 4], undefined], attributes: same },
    {
      code: 'attribute-invalid',
      inputs: [[1, 8, 8, 4], [3, 3, 4, 4], undefined],
      attributes: { ...same, stride: 0 },
    },
    {
      code: 'attribute-invalid',
      inputs: [[1, 8, 8, 4], [3, 3, 4, 4], undefined],
      attributes: { ...same, padding: around(-1) },
    },
  ],

  tolerance(inputs, attributes) {
    const [kh = 0, kw = 0, cin = 0] = required(inputs, 1).shape;
    const magnitudes = correlate(
      inputs.map((input) => input && absolute(input)),
      attributes,
    );
    const gain = activationGain(attributes.activation);
    return reductionBound(kh * kw * cin + 1, magnitudes).map((bound) => bound * gain + 2e-7);
  },

  vjp: {
    ...conv2dVjp,
    samples: samples.filter(({ attributes: { activation } }) => activation.kind === 'none'),
  },
};

function checkAttributes({ stride, padding }: Conv2dAttributes): void {
  if (!Number.isSafeInteger(stride) || stride < 1) {
    throw new ShapeError('attribute-invalid', `conv2d: a stride of ${stride}`, 'Pass a stride of 1 or 2.');
  }
  for (const [side, size] of Object.entries(padding)) {
    if (Number.isSafeInteger(size) && size >= 0) continue;
    throw new ShapeError(
      'attribute-invalid',
      `conv2d: a padding of ${size} at the ${side}`,
      'Pass whole numbers from 0; crop with crop2d.',
    );
  }
}

function shapeOf(x: Shape, weight: Shape, bias: boolean, attributes: Conv2dAttributes): Conv2dShape {
  return { ...geometryOf(x, weight, attributes), bias, activation: attributes.activation };
}

/**
 * activation(x ⋆ weight + bias), PyTorch's cross-correlation, channels-last: x [B, H, W, Cin], weight [kh, kw, Cin, Cout],
 * bias [Cout] → [B, Ho, Wo, Cout] with Ho = ⌊(H + top + bottom − kh) / stride⌋ + 1 and Wo alike. `padding` is zeros, the
 * same on all sides where it is a number.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  options: {
    bias?: Tensor | undefined;
    stride?: 1 | 2;
    padding?: number | Padding;
    activation?: Activation;
  } = {},
): Tensor {
  const { bias, stride = 1, padding = 0, activation = { kind: 'none' } } = options;
  const sides = typeof padding === 'number' ? around(padding) : padding;
  return withActivation([x, weight, bias], activation, (fused) =>
    apply(conv2dOp, [x, weight, bias], { stride, padding: sides, activation: fused }),
  );
}
