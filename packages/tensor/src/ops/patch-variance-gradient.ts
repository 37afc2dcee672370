import {
  patchVarianceGradientFamily,
  patchVarianceGradient as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, sameShape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type OpDefinition, required } from './define.ts';
import {
  type PatchVarianceAttributes,
  patchShape,
  varianceGradientBound,
  varianceGradientReference,
} from './patch-reference.ts';

const three: PatchVarianceAttributes = { size: 3 };
const five: PatchVarianceAttributes = { size: 5 };

export const patchVarianceGradientOp: OpDefinition<PatchVarianceAttributes> = {
  name: 'patchVarianceGradient',
  families: [patchVarianceGradientFamily.name],

  infer(inputs, { size }) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    requireDType('patchVarianceGradient', 'gradient', gradient.dtype, 'f32');
    const variances = patchShape('patchVarianceGradient', x, size);
    if (!sameShape(gradient.shape, variances)) {
      throw new ShapeError(
        'shape-mismatch',
        `patchVarianceGradient: x ${formatShape(x.shape)}, gradient ${formatShape(gradient.shape)}`,
        `Pass a gradient of shape ${formatShape(variances)}.`,
      );
    }
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    const gradient = required(inputs, 1).buffer;
    const shape = { batch, height, width, channels, ...attributes };
    record(device, { x: x.buffer, gradient, out: out.buffer }, shape);
  },

  reference: (inputs, { size }) => varianceGradientReference(required(inputs, 0), required(inputs, 1), size),

  samples: [
    {
      inputs: [
        [2, 9, 12, 4],
        [2, 3, 4, 4],
      ],
      attributes: three,
    },
    {
      name: 'luminance with remainders',
      inputs: [
        [2, 25, 38, 1],
        [2, 8, 12, 1],
      ],
      attributes: three,
    },
    {
      name: 'remainders, four channels',
      inputs: [
        [1, 8, 7, 8],
        [1, 2, 2, 8],
      ],
      attributes: three,
    },
    {
      name: 'RGB',
      inputs: [
        [1, 17, 11, 3],
        [1, 3, 2, 3],
      ],
      attributes: five,
    },
    {
      name: 'smaller than a patch',
      inputs: [
        [1, 2, 9, 4],
        [1, 0, 3, 4],
      ],
      attributes: three,
    },
    {
      name: 'empty',
      inputs: [
        [0, 9, 9, 4],
        [0, 3, 3, 4],
      ],
      attributes: three,
    },
  ],

  refusals: [
    {
      code: 'shape-rank',
      inputs: [
        [9, 9, 4],
        [3, 3, 4],
      ],
      attributes: three,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 9, 9, 4],
        [1, 9, 9, 4],
      ],
      attributes: three,
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [1, 9, 9, 4],
        [1, 9, 9, 4],
      ],
      attributes: { size: 1 },
    },
  ],

  tolerance: (inputs, { size }) => varianceGradientBound(required(inputs, 0), required(inputs, 1), size),
  vjp: firstOrder,
};

/**
 * The gradient of Σ gradient · patchVariance(x) with respect to x [B, H, W, C]; 0 for pixels that no patch holds.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function patchVarianceGradient(x: Tensor, gradient: Tensor, options: { size: number }): Tensor {
  return apply(patchVarianceGradientOp, [x, gradient], options);
}
