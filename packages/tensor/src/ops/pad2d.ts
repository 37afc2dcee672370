import {
  borderIndex,
  type Padding,
  type PadMode,
  type PadShape,
  padFamily,
  pad as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import {
  formatShape,
  imageSizes,
  requireDType,
  requireRank,
  type Shape,
  type Tensor,
} from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import { padGradient, padGradientBound } from './pad2d-gradient.ts';

export interface Pad2dAttributes extends Padding {
  readonly mode: PadMode;
}

const bottomRight = { top: 0, bottom: 3, left: 0, right: 2 };
const allSides = { top: 2, bottom: 1, left: 3, right: 4 };

export const pad2dOp: OpDefinition<Pad2dAttributes> = {
  name: 'pad2d',
  families: [padFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    requireDType('pad2d', 'x', x.dtype, 'f32');
    requireRank('pad2d', 'x', x.shape, 4);
    const { top, bottom, left, right, mode } = attributes;
    for (const [side, size] of Object.entries({ top, bottom, left, right })) {
      if (Number.isSafeInteger(size) && size >= 0) continue;
      throw new ShapeError(
        'attribute-invalid',
        `pad2d: a padding of ${size} at the ${side}`,
        'Pass whole numbers from 0; crop with crop2d.',
      );
    }
    const [, height = 0, width = 0] = x.shape;
    const fromNothing = (height === 0 && top + bottom > 0) || (width === 0 && left + right > 0);
    if (mode !== 'zeros' && fromNothing) {
      throw new ShapeError(
        'shape-mismatch',
        `pad2d: x ${formatShape(x.shape)} has no pixels to ${mode}`,
        'Pad an empty side with zeros.',
      );
    }
    return { shape: windowShape(x.shape, windowOf(x.shape, attributes)), dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    record(device, { x: x.buffer, out: out.buffer }, windowOf(x.shape, attributes));
  },

  reference(inputs, attributes) {
    const x = required(inputs, 0);
    return takeWindow(x, windowOf(x.shape, attributes));
  },

  samples: [
    { inputs: [[2, 5, 6, 8]], attributes: { ...allSides, mode: 'zeros' } },
    { inputs: [[2, 5, 6, 8]], attributes: { ...allSides, mode: 'reflect' } },
    { inputs: [[2, 5, 6, 8]], attributes: { ...allSides, mode: 'replicate' } },
    { name: 'odd channels', inputs: [[2, 5, 6, 3]], attributes: { ...allSides, mode: 'zeros' } },
    { name: 'odd channels', inputs: [[2, 5, 6, 3]], attributes: { ...allSides, mode: 'reflect' } },
    { name: 'odd channels', inputs: [[2, 5, 6, 3]], attributes: { ...allSides, mode: 'replicate' } },
    { name: 'to a window', inputs: [[1, 5, 6, 16]], attributes: { ...bottomRight, mode: 'reflect' } },
    {
      name: 'reflection wider than the side',
      inputs: [[1, 3, 2, 4]],
      attributes: { top: 7, bottom: 13, left: 5, right: 6, mode: 'reflect' },
    },
    {
      name: 'reflection of one pixel',
      inputs: [[2, 1, 1, 4]],
      attributes: { top: 2, bottom: 7, left: 1, right: 15, mode: 'reflect' },
    },
    { name: 'zeros around nothing', inputs: [[1, 0, 2, 4]], attributes: { ...allSides, mode: 'zeros' } },
    {
      name: 'nothing to add',
      inputs: [[1, 3, 5, 4]],
      attributes: { top: 0, bottom: 0, left: 0, right: 0, mode: 'reflect' },
    },
    { name: 'no images', inputs: [[0, 3, 5, 4]], attributes: { ...allSides, mode: 'reflect' } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[5, 6, 8]], attributes: { ...allSides, mode: 'zeros' } },
    {
      code: 'attribute-invalid',
      inputs: [[1, 5, 6, 8]],
      attributes: { ...allSides, top: -1, mode: 'zeros' },
    },
    {
      code: 'attribute-invalid',
      inputs: [[1, 5, 6, 8]],
      attributes: { ...allSides, right: 0.5, mode: 'zeros' },
    },
    { code: 'shape-mismatch', inputs: [[1, 0, 6, 8]], attributes: { ...allSides, mode: 'reflect' } },
    { code: 'shape-mismatch', inputs: [[1, 5, 0, 8]], attributes: { ...allSides, mode: 'replicate' } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run({ ops, specs, gradient, attributes: { mode, top, left } }) {
      const [, height, width] = imageSizes(required(specs, 0).shape);
      const image = { top, left, height, width };
      return [
        mode === 'zeros' ? ops.crop2d(gradient, image) : ops.pad2dGradient(gradient, { ...image, mode }),
      ];
    },
    reference(inputs, { mode, top, left }, cotangent) {
      const [, height = 0, width = 0] = required(inputs, 0).shape;
      return [padGradient(cotangent, { top, left, height, width, mode })];
    },
    tolerance(inputs, { mode, top, left }, cotangent) {
      const [, height = 0, width = 0] = required(inputs, 0).shape;
      return [mode === 'zeros' ? 0 : padGradientBound(cotangent, { top, left, height, width, mode })];
    },
  },
};

function windowOf(x: Shape, { top, bottom, left, right, mode }: Pad2dAttributes): PadShape {
  const [batch = 0, height = 0, width = 0, channels = 0] = x;
  const outHeight = height + top + bottom;
  const outWidth = width + left + right;
  return { batch, height, width, channels, outHeight, outWidth, top, left, mode };
}

/** The shape of what `takeWindow` gives. */
export function windowShape([batch = 0, , , channels = 0]: Shape, { outHeight, outWidth }: PadShape): Shape {
  return [batch, outHeight, outWidth, channels];
}

/** Float64 reference of padding and cropping. */
export function takeWindow(x: NdArray, window: PadShape): NdArray {
  const { batch, height, width, channels, outHeight, outWidth, top, left, mode } = window;
  const shape = windowShape(x.shape, window);
  const data = new Float64Array(batch * outHeight * outWidth * channels);
  for (let row = 0; row < batch * outHeight; row++) {
    const y = borderIndex((row % outHeight) - top, height, mode);
    for (let column = 0; column < outWidth; column++) {
      const at = borderIndex(column - left, width, mode);
      if (y === undefined || at === undefined) continue;
      const from = ((Math.floor(row / outHeight) * height + y) * width + at) * channels;
      data.set(x.data.subarray(from, from + channels), (row * outWidth + column) * channels);
    }
  }
  return { shape, data };
}

/**
 * x [B, H, W, C] → [B, top + H + bottom, left + W + right, C]. `reflect` mirrors without repeating the edge; where the pad
 * is not smaller than the side the reflection goes on with period 2·side − 2, and a side of 1 is replicated.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function pad2d(x: Tensor, options: Padding & { mode: PadMode }): Tensor {
  return apply(pad2dOp, [x], options);
}
