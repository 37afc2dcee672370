import {
  type GridSampleMode,
  gridGradientFamily,
  gridSampleGridGradient as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, sameShape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, type Operands, required } from './define.ts';
import {
  type GridSampleAttributes,
  gridGradientReference,
  sampledShape,
  wideGrid,
} from './grid-reference.ts';

const bilinear: GridSampleAttributes = { mode: 'bilinear' };
const bicubic: GridSampleAttributes = { mode: 'bicubic' };
const nearest: GridSampleAttributes = { mode: 'nearest' };

/** Positions away from the pixels, where bilinear's gradient jumps. */
const awayFromPixels = (): NdArray => {
  const grid = wideGrid(40);
  return {
    shape: grid.shape,
    data: grid.data.map((value) => (Math.abs(value) === 1 ? value * 0.97 : value)),
  };
};

export const gridSampleGridGradientOp: OpDefinition<GridSampleAttributes> = {
  name: 'gridSampleGridGradient',
  families: [gridGradientFamily.name],

  infer(inputs, { mode }) {
    const x = required(inputs, 0);
    const grid = required(inputs, 1);
    const gradient = required(inputs, 2);
    requireDType('gridSampleGridGradient', 'gradient', gradient.dtype, 'f32');
    const sampled = sampledShape('gridSampleGridGradient', x, grid, mode);
    if (!sameShape(gradient.shape, sampled)) {
      throw new ShapeError(
        'shape-mismatch',
        `gridSampleGridGradient: the gradient is ${formatShape(gradient.shape)}, the samples ${formatShape(sampled)}`,
        'Pass a gradient [B, Ho, Wo, C] for x [B, H, W, C] and a grid [B, Ho, Wo, 2].',
      );
    }
    return { shape: grid.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes: { mode } }) {
    const x = required(inputs, 0);
    const grid = required(inputs, 1).buffer;
    const gradient = required(inputs, 2);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    const [, outHeight = 0, outWidth = 0] = gradient.shape;
    const shape = { batch, height, width, channels, outHeight, outWidth, mode };
    record(device, { x: x.buffer, grid, gradient: gradient.buffer, out: out.buffer }, shape);
  },

  reference: (inputs, attributes) => reference(inputs, attributes),

  samples: [
    {
      inputs: [
        [2, 7, 9, 4],
        [2, 6, 8, 2],
        [2, 6, 8, 4],
      ],
      attributes: bilinear,
    },
    {
      name: 'bicubic, outside too',
      inputs: [[1, 5, 6, 3], wideGrid(40), [1, 10, 4, 3]],
      attributes: bicubic,
    },
    { name: 'outside too', inputs: [[1, 5, 6, 3], awayFromPixels(), [1, 10, 4, 3]], attributes: bilinear },
    { name: 'nearest has none', inputs: [[1, 5, 6, 4], wideGrid(40), [1, 10, 4, 4]], attributes: nearest },
    {
      name: 'two workgroups',
      inputs: [
        [1, 4, 3, 12],
        [1, 9, 11, 2],
        [1, 9, 11, 12],
      ],
      attributes: bicubic,
    },
    {
      name: 'no channels',
      inputs: [
        [1, 4, 3, 0],
        [1, 2, 2, 2],
        [1, 2, 2, 0],
      ],
      attributes: bilinear,
    },
    {
      name: 'no points',
      inputs: [
        [1, 4, 3, 4],
        [1, 0, 2, 2],
        [1, 0, 2, 4],
      ],
      attributes: bilinear,
    },
  ],

  refusals: [
    {
      code: 'shape-rank',
      inputs: [
        [7, 9, 4],
        [2, 6, 8, 2],
        [2, 6, 8, 4],
      ],
      attributes: bilinear,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 7, 9, 4],
        [2, 6, 8, 2],
        [2, 6, 8, 3],
      ],
      attributes: bilinear,
    },
  ],

  tolerance: (inputs, attributes) => reference(inputs, attributes, true).data,
  vjp: firstOrder,
};

const reference = (inputs: Operands<NdArray>, { mode }: GridSampleAttributes, bounds = false) =>
  gridGradientReference(required(inputs, 0), required(inputs, 1), required(inputs, 2), mode, bounds);

/**
 * The gradient of Σ gradient · gridSample(x, grid) with respect to grid [B, Ho, Wo, 2], from x [B, H, W, C] and gradient
 * [B, Ho, Wo, C].
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function gridSampleGridGradient(
  x: Tensor,
  grid: Tensor,
  gradient: Tensor,
  options: { mode: GridSampleMode },
): Tensor {
  return apply(gridSampleGridGradientOp, [x, grid, gradient], options);
}
