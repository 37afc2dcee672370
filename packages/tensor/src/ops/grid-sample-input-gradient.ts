import {
  type GridSampleMode,
  gridInputGradientFamily,
  gridSampleInputGradient as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, sameShape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, type Operands, required } from './define.ts';
import {
  type GridSampleAttributes,
  inputGradientReference,
  orderedGrid,
  sampledShape,
  wideGrid,
} from './grid-reference.ts';

export interface GridInputGradientAttributes extends GridSampleAttributes {
  readonly height: number;
  readonly width: number;
}

const sized = (mode: GridSampleMode, height: number, width: number) => ({ mode, height, width });
const bilinear = sized('bilinear', 7, 9);

export const gridSampleInputGradientOp: OpDefinition<GridInputGradientAttributes> = {
  name: 'gridSampleInputGradient',
  families: [gridInputGradientFamily.name],

  infer(inputs, { mode, height, width }) {
    const grid = required(inputs, 0);
    const gradient = required(inputs, 1);
    for (const [side, value] of Object.entries({ height, width })) {
      if (Number.isSafeInteger(value) && value > 0) continue;
      throw new ShapeError(
        'attribute-invalid',
        `gridSampleInputGradient: a ${side} of ${value}`,
        'Pass whole numbers from 1.',
      );
    }
    const [batch = 0] = grid.shape;
    const channels = gradient.shape[3] ?? 0;
    const shape = [batch, height, width, channels];
    const sampled = sampledShape('gridSampleInputGradient', { shape, dtype: gradient.dtype }, grid, mode);
    if (!sameShape(gradient.shape, sampled)) {
      throw new ShapeError(
        'shape-mismatch',
        `gridSampleInputGradient: grid ${formatShape(grid.shape)}, gradient ${formatShape(gradient.shape)}`,
        'Pass a gradient [B, Ho, Wo, C] for a grid [B, Ho, Wo, 2].',
      );
    }
    return { shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes: { mode, height, width } }) {
    const grid = required(inputs, 0);
    const gradient = required(inputs, 1);
    const [batch = 0, outHeight = 0, outWidth = 0, channels = 0] = gradient.shape;
    const shape = { batch, height, width, channels, outHeight, outWidth, mode };
    record(device, { grid: grid.buffer, gradient: gradient.buffer, out: out.buffer }, shape);
  },

  reference: (inputs, attributes) => reference(inputs, attributes),

  samples: [
    {
      name: 'tiles that read different places',
      inputs: [orderedGrid(17, 25), [1, 17, 25, 4]],
      attributes: sized('bilinear', 40, 60),
    },
    {
      inputs: [
        [2, 6, 8, 2],
        [2, 6, 8, 4],
      ],
      attributes: bilinear,
    },
    { name: 'outside too', inputs: [wideGrid(40), [1, 10, 4, 3]], attributes: sized('bicubic', 5, 6) },
    { name: 'outside, nearest', inputs: [wideGrid(40), [1, 10, 4, 3]], attributes: sized('nearest', 5, 6) },
    {
      name: 'several tiles',
      inputs: [
        [2, 17, 19, 2],
        [2, 17, 19, 8],
      ],
      attributes: sized('bicubic', 3, 4),
    },
    {
      name: 'no points',
      inputs: [
        [1, 0, 5, 2],
        [1, 0, 5, 4],
      ],
      attributes: bilinear,
    },
    {
      name: 'no images',
      inputs: [
        [0, 5, 5, 2],
        [0, 5, 5, 4],
      ],
      attributes: bilinear,
    },
  ],

  refusals: [
    {
      code: 'shape-rank',
      inputs: [
        [6, 8, 2],
        [6, 8, 4],
      ],
      attributes: bilinear,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 6, 8, 2],
        [2, 8, 6, 4],
      ],
      attributes: bilinear,
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [2, 6, 8, 2],
        [2, 6, 8, 4],
      ],
      attributes: sized('bilinear', 0, 9),
    },
  ],

  tolerance: (inputs, attributes) => reference(inputs, attributes, true).data,
  vjp: firstOrder,
};

function reference(
  inputs: Operands<NdArray>,
  { mode, height, width }: GridInputGradientAttributes,
  bounds = false,
): NdArray {
  const gradient = required(inputs, 1);
  const shape = [gradient.shape[0] ?? 0, height, width, gradient.shape[3] ?? 0];
  return inputGradientReference(shape, required(inputs, 0), gradient, mode, bounds);
}

/**
 * The gradient of Σ gradient · gridSample(x, grid) with respect to x [B, height, width, C], from grid [B, Ho, Wo, 2] and
 * gradient [B, Ho, Wo, C]. Gathered pixel by pixel in a fixed order; slow where neighbours in the grid are far apart in x.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function gridSampleInputGradient(
  grid: Tensor,
  gradient: Tensor,
  options: { mode: GridSampleMode; height: number; width: number },
): Tensor {
  return apply(gridSampleInputGradientOp, [grid, gradient], options);
}
