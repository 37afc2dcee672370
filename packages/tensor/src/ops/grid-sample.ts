import { type GridSampleMode, gridSampleFamily, gridSample as record } from '@lua-webgpu/kernels';
import { imageSizes, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import {
  type GridSampleAttributes,
  gridGradientReference,
  inputGradientReference,
  sampledShape,
  sampleReference,
  wideGrid,
} from './grid-reference.ts';

const nearest: GridSampleAttributes = { mode: 'nearest' };
const bilinear: GridSampleAttributes = { mode: 'bilinear' };
const bicubic: GridSampleAttributes = { mode: 'bicubic' };

export const gridSampleOp: OpDefinition<GridSampleAttributes> = {
  name: 'gridSample',
  families: [gridSampleFamily.name],

  infer: (inputs, { mode }) => ({
    shape: sampledShape('gridSample', required(inputs, 0), required(inputs, 1), mode),
    dtype: 'f32',
  }),

  forward({ device, inputs, out, attributes: { mode } }) {
    const x = required(inputs, 0);
    const grid = required(inputs, 1);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    const [, outHeight = 0, outWidth = 0] = out.shape;
    const shape = { batch, height, width, channels, outHeight, outWidth, mode };
    record(device, { x: x.buffer, grid: grid.buffer, out: out.buffer }, shape);
  },

  reference: (inputs, { mode }) => sampleReference(required(inputs, 0), required(inputs, 1), mode),

  samples: [
    {
      name: 'nearest',
      inputs: [
        [2, 7, 9, 4],
        [2, 6, 8, 2],
      ],
      attributes: nearest,
    },
    {
      name: 'bilinear',
      inputs: [
        [2, 7, 9, 4],
        [2, 6, 8, 2],
      ],
      attributes: bilinear,
    },
    {
      name: 'bicubic',
      inputs: [
        [2, 7, 9, 4],
        [2, 6, 8, 2],
      ],
      attributes: bicubic,
    },
    { name: 'RGB, outside too', inputs: [[1, 5, 6, 3], wideGrid(40)], attributes: bicubic },
    { name: 'outside, nearest', inputs: [[1, 5, 6, 3], wideGrid(40)], attributes: nearest },
    { name: 'outside, bilinear', inputs: [[1, 5, 6, 8], wideGrid(40)], attributes: bilinear },
    {
      name: 'several tiles',
      inputs: [
        [1, 4, 3, 2],
        [1, 17, 19, 2],
      ],
      attributes: bilinear,
    },
    {
      name: 'from one pixel',
      inputs: [
        [1, 1, 1, 1],
        [1, 3, 5, 2],
      ],
      attributes: bicubic,
    },
    {
      name: 'no points',
      inputs: [
        [1, 4, 3, 4],
        [1, 0, 5, 2],
      ],
      attributes: bilinear,
    },
    {
      name: 'no channels',
      inputs: [
        [1, 4, 3, 0],
        [1, 2, 2, 2],
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
      ],
      attributes: bilinear,
    },
    {
      code: 'shape-rank',
      inputs: [
        [2, 7, 9, 4],
        [6, 8, 2],
      ],
      attributes: bilinear,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 7, 9, 4],
        [1, 6, 8, 2],
      ],
      attributes: bilinear,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 7, 9, 4],
        [2, 6, 8, 3],
      ],
      attributes: bilinear,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [2, 0, 9, 4],
        [2, 6, 8, 2],
      ],
      attributes: bilinear,
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [2, 7, 9, 4],
        [2, 6, 8, 2],
      ],
      attributes: { mode: 'cubic' as GridSampleMode },
    },
  ],

  tolerance: (inputs, { mode }) => sampleReference(required(inputs, 0), required(inputs, 1), mode, true).data,

  vjp: {
    saves: { inputs: [0, 1] },

    run({ ops, inputs, gradient, wanted, attributes: { mode } }) {
      const x = required(inputs, 0);
      const grid = required(inputs, 1);
      const [, height, width] = imageSizes(x.shape);
      return [
        wanted[0] ? ops.gridSampleInputGradient(grid, gradient, { mode, height, width }) : undefined,
        wanted[1] ? ops.gridSampleGridGradient(x, grid, gradient, { mode }) : undefined,
      ];
    },

    reference(inputs, { mode }, cotangent) {
      const x = required(inputs, 0);
      const grid = required(inputs, 1);
      return [
        inputGradientReference(x.shape, grid, cotangent, mode),
        gridGradientReference(x, grid, cotangent, mode),
      ];
    },

    tolerance(inputs, { mode }, cotangent) {
      const x = required(inputs, 0);
      const grid = required(inputs, 1);
      return [
        inputGradientReference(x.shape, grid, cotangent, mode, true).data,
        gridGradientReference(x, grid, cotangent, mode, true).data,
      ];
    },

    samples: [
      {
        name: 'nearest',
        inputs: [
          [2, 7, 9, 4],
          [2, 6, 8, 2],
        ],
        attributes: nearest,
      },
      {
        name: 'bilinear',
        inputs: [
          [2, 7, 9, 4],
          [2, 6, 8, 2],
        ],
        attributes: bilinear,
      },
      {
        name: 'bicubic',
        inputs: [
          [2, 7, 9, 4],
          [2, 6, 8, 2],
        ],
        attributes: bicubic,
      },
      {
        name: 'several tiles',
        inputs: [
          [2, 4, 3, 3],
          [2, 17, 19, 2],
        ],
        attributes: bicubic,
      },
      {
        name: 'from one pixel',
        inputs: [
          [1, 1, 1, 1],
          [1, 3, 5, 2],
        ],
        attributes: bicubic,
      },
      {
        name: 'no points',
        inputs: [
          [1, 4, 3, 4],
          [1, 0, 5, 2],
        ],
        attributes: bilinear,
      },
      {
        name: 'no channels',
        inputs: [
          [1, 4, 3, 0],
          [1, 2, 2, 2],
        ],
        attributes: bilinear,
      },
    ],
  },
};

/**
 * x [B, H, W, C] sampled at grid [B, Ho, Wo, 2] → [B, Ho, Wo, C], as PyTorch's `F.grid_sample` with zero padding and
 * `align_corners=False`: a grid point is (x, y), −1 and 1 the outer edges of the image. Nearest rounds halves to even;
 * bicubic has a = −0.75. Where the position is on a pixel, bilinear's gradient of the grid is that of its right and lower
 * side; nearest's is 0.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function gridSample(x: Tensor, grid: Tensor, options: { mode: GridSampleMode }): Tensor {
  return apply(gridSampleOp, [x, grid], options);
}
