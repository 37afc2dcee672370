import {
  type Conv2dGeometry,
  conv2dOutputSize,
  conv2dWeightGradientFamily,
  type Padding,
  conv2dWeightGradient as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, sameShape, type Tensor } from '../core/index.ts';
import { convolutionGradients } from './conv2d-reference.ts';
import {
  apply,
  applyBoth,
  firstOrder,
  type NdArray,
  type OpDefinition,
  type Operands,
  required,
} from './define.ts';
import { absolute, reductionBound } from './tolerance.ts';

export interface Conv2dWeightGradientAttributes {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padding: Padding;
}

const around = (size: number): Padding => ({ top: size, bottom: size, left: size, right: size });
const same: Conv2dWeightGradientAttributes = {
  kernelHeight: 3,
  kernelWidth: 3,
  stride: 1,
  padding: around(1),
};
const pointwise = { ...same, kernelHeight: 1, kernelWidth: 1, padding: around(0) };

export const conv2dWeightGradientOp: OpDefinition<Conv2dWeightGradientAttributes> = {
  name: 'conv2dWeightGradient',
  families: [conv2dWeightGradientFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    for (const [name, operand] of Object.entries({ x, gradient })) {
      requireDType('conv2dWeightGradient', name, operand.dtype, 'f32');
      requireRank('conv2dWeightGradient', name, operand.shape, 4);
    }
    const shape = geometryOf(inputs, attributes);
    const { height, width } = conv2dOutputSize(shape);
    const expected = [shape.batch, height, width, shape.cout];
    if (!sameShape(gradient.shape, expected)) {
      throw new ShapeError(
        'shape-mismatch',
        `conv2dWeightGradient: a convolution of x ${formatShape(x.shape)} gives ${formatShape(expected)}, the gradient is ${formatShape(gradient.shape)}`,
        "Pass the gradient of the convolution's result, with the convolution's stride and padding.",
      );
    }
    return { shape: weightShape(shape), dtype: 'f32' };
  },

  forward({ device, inputs, out, second, attributes }) {
    const [x, gradient] = [required(inputs, 0).buffer, required(inputs, 1).buffer];
    const buffers = { x, gradient, out: out.buffer, biasOut: second?.buffer };
    record(device, buffers, geometryOf(inputs, attributes));
  },

  reference: (inputs, attributes) => weightGradient(inputs, attributes),

  samples: [
    {
      inputs: [
        [2, 8, 9, 12],
        [2, 8, 9, 20],
      ],
      attributes: same,
    },
    {
      name: 'two tiles of channels',
      inputs: [
        [1, 5, 6, 20],
        [1, 5, 6, 36],
      ],
      attributes: same,
    },
    {
      name: 'several parts',
      inputs: [
        [2, 33, 19, 4],
        [2, 33, 19, 8],
      ],
      attributes: same,
    },
    {
      name: 'strips of wide rows',
      inputs: [
        [1, 2, 513, 4],
        [1, 2, 513, 4],
      ],
      attributes: same,
    },
    {
      name: '1×1',
      inputs: [
        [2, 19, 31, 20],
        [2, 19, 31, 12],
      ],
      attributes: pointwise,
    },
    {
      name: '1×1, odd channels',
      inputs: [
        [1, 1, 601, 3],
        [1, 1, 601, 5],
      ],
      attributes: pointwise,
    },
    {
      name: 'stride 2',
      inputs: [
        [2, 9, 8, 8],
        [2, 5, 4, 12],
      ],
      attributes: { ...same, stride: 2 },
    },
    {
      name: 'lopsided padding',
      inputs: [
        [2, 7, 6, 8],
        [2, 7, 6, 4],
      ],
      attributes: { ...same, kernelHeight: 5, padding: { top: 1, bottom: 3, left: 2, right: 0 } },
    },
    {
      name: 'odd channels',
      inputs: [
        [2, 17, 13, 3],
        [2, 17, 13, 5],
      ],
      attributes: same,
    },
    {
      name: 'one pixel',
      inputs: [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
      attributes: same,
    },
    {
      name: 'no images give zeros',
      inputs: [
        [0, 4, 4, 4],
        [0, 4, 4, 4],
      ],
      attributes: same,
    },
    {
      name: 'no pixels give zeros',
      inputs: [
        [1, 0, 3, 4],
        [1, 0, 3, 4],
      ],
      attributes: pointwise,
    },
    {
      name: 'no channels',
      inputs: [
        [1, 4, 4, 4],
        [1, 4, 4, 0],
      ],
      attributes: same,
    },
  ],

  refusals: [
    {
      code: 'shape-rank',
      inputs: [
        [8, 8, 4],
        [1, 8, 8, 4],
      ],
      attributes: same,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 8, 8, 4],
        [1, 8, 7, 4],
      ],
      attributes: same,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 8, 8, 4],
        [2, 8, 8, 4],
      ],
      attributes: same,
    },
    {
      code: 'dtype-mismatch',
      inputs: [
        [1, 8, 8, 4],
        [1, 8, 8, 4],
      ],
      dtypes: ['f32', 'i32'],
      attributes: same,
    },
  ],

  tolerance(inputs, attributes) {
    const { batch, height, width } = outputOf(inputs, attributes);
    const magnitudes = weightGradient(
      inputs.map((input) => input && absolute(input)),
      attributes,
    );
    return reductionBound(batch * height * width, magnitudes);
  },

  /** Of the bias. */
  second: {
    infer: (inputs) => ({ shape: [required(inputs, 1).shape[3] ?? 0], dtype: 'f32' }),
    reference: ([, gradient]) => columnSums(required([gradient], 0)),
    tolerance: ([, gradient]) => {
      const { shape, data } = absolute(required([gradient], 0));
      return reductionBound(data.length / Math.max(1, shape[3] ?? 0), columnSums({ shape, data }));
    },
  },

  vjp: firstOrder,
};

function geometryOf(
  inputs: Operands<{ readonly shape: Shape }>,
  attributes: Conv2dWeightGradientAttributes,
): Conv2dGeometry {
  const [batch = 0, height = 0, width = 0, cin = 0] = required(inputs, 0).shape;
  const [, , , cout = 0] = required(inputs, 1).shape;
  return { batch, height, width, cin, cout, ...attributes };
}

const weightShape = ({ kernelHeight, kernelWidth, cin, cout }: Conv2dGeometry): Shape => [
  kernelHeight,
  kernelWidth,
  cin,
  cout,
];

function outputOf(inputs: Operands<NdArray>, attributes: Conv2dWeightGradientAttributes) {
  const shape = geometryOf(inputs, attributes);
  return { batch: shape.batch, ...conv2dOutputSize(shape) };
}

function weightGradient(inputs: Operands<NdArray>, attributes: Conv2dWeightGradientAttributes): NdArray {
  const shape = weightShape(geometryOf(inputs, attributes));
  const zeros = { shape, data: new Float64Array(shape.reduce((count, size) => count * size, 1)) };
  return convolutionGradients(required(inputs, 0), zeros, required(inputs, 1), attributes).weight;
}

/** [..., C] → [C], in float64. */
export function columnSums({ shape, data }: NdArray): NdArray {
  const sums = new Float64Array(shape.at(-1) ?? 0);
  data.forEach((value, i) => {
    sums[i % sums.length] = (sums[i % sums.length] as number) + value;
  });
  return { shape: [sums.length], data: sums };
}

/**
 * The gradient of `conv2d`'s weight, [kh, kw, Cin, Cout]: x [B, H, W, Cin] at every tap times `gradient` [B, Ho, Wo, Cout],
 * the gradient of the result before the activation, summed over the output pixels. Has no gradient itself.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`
 */
export function conv2dWeightGradient(
  x: Tensor,
  gradient: Tensor,
  options: Conv2dWeightGradientAttributes,
): Tensor {
  return apply(conv2dWeightGradientOp, [x, gradient], options);
}

/**
 * Gradients of `conv2d`'s weight and of its bias, [Cout], the sum of `gradient` over the output pixels.
 * @throws ShapeError as `conv2dWeightGradient`
 */
export function conv2dParameterGradients(
  x: Tensor,
  gradient: Tensor,
  options: Conv2dWeightGradientAttributes,
): { readonly weight: Tensor; readonly bias: Tensor } {
  const both = applyBoth(conv2dWeightGradientOp, [x, gradient], options);
  return { weight: both.result, bias: both.second };
}
