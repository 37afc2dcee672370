import { conv2dTransposeWeightFamily, conv2dTransposeWeight as record } from '@lua-webgpu/kernels';
import { requireDType, requireRank, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type OpDefinition, required } from './define.ts';
import { takeStrided } from './strided-reference.ts';

export const conv2dTransposeWeightOp: OpDefinition<Record<string, never>> = {
  name: 'conv2dTransposeWeight',
  families: [conv2dTransposeWeightFamily.name],

  infer(inputs) {
    const { shape, dtype } = required(inputs, 0);
    requireDType('conv2dTransposeWeight', 'weight', dtype, 'f32');
    requireRank('conv2dTransposeWeight', 'weight', shape, 4);
    const [kernelHeight = 0, kernelWidth = 0, cin = 0, cout = 0] = shape;
    return { shape: [kernelHeight, kernelWidth, cout, cin], dtype };
  },

  forward({ device, inputs, out }) {
    const weight = required(inputs, 0);
    const [kernelHeight = 0, kernelWidth = 0, cin = 0, cout = 0] = weight.shape;
    record(device, { weight: weight.buffer, out: out.buffer }, { kernelHeight, kernelWidth, cin, cout });
  },

  reference(inputs) {
    const weight = required(inputs, 0);
    const [kernelHeight = 0, kernelWidth = 0, cin = 0, cout = 0] = weight.shape;
    const last = Math.max(0, kernelHeight * kernelWidth - 1) * cin * cout;
    const strides = [-kernelWidth * cin * cout, -cin * cout, 1, cout];
    return takeStrided(weight, [kernelHeight, kernelWidth, cout, cin], last, strides);
  },

  samples: [
    { inputs: [[3, 3, 8, 12]], attributes: {} },
    { name: 'odd channels', inputs: [[5, 2, 3, 7]], attributes: {} },
    { name: 'several workgroups', inputs: [[1, 3, 20, 31]], attributes: {} },
    { name: '1×1', inputs: [[1, 1, 4, 8]], attributes: {} },
    { name: 'no channels', inputs: [[3, 3, 0, 4]], attributes: {} },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[3, 3, 4]], attributes: {} },
    { code: 'dtype-mismatch', inputs: [[3, 3, 4, 4]], dtypes: ['i32'], attributes: {} },
  ],

  tolerance: () => 0,
  vjp: firstOrder,
};

/**
 * The weight [kh, kw, Cout, Cin] that a convolution passes gradients back to its input with: [kh, kw, Cin, Cout] with the
 * taps mirrored in both directions and the channels exchanged. Has no gradient itself.
 * @throws ShapeError `shape-rank`, `dtype-mismatch`
 */
export function conv2dTransposeWeight(weight: Tensor): Tensor {
  return apply(conv2dTransposeWeightOp, [weight], {});
}
