import { type Padding, type PadShape, padFamily, pad as record, ShapeError } from '@lua-webgpu/kernels';
import {
  formatShape,
  imageSizes,
  requireDType,
  requireRank,
  type Shape,
  type Tensor,
} from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { takeWindow, windowShape } from './pad2d.ts';

/** The first pixel and the size of what is kept. */
export interface Crop2dAttributes {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

export const crop2dOp: OpDefinition<Crop2dAttributes> = {
  name: 'crop2d',
  families: [padFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    requireDType('crop2d', 'x', x.dtype, 'f32');
    requireRank('crop2d', 'x', x.shape, 4);
    const [, height = 0, width = 0] = x.shape;
    const fits = (first: number, size: number, side: number) =>
      Number.isSafeInteger(first) &&
      Number.isSafeInteger(size) &&
      first >= 0 &&
      size >= 0 &&
      first + size <= side;
    if (!fits(attributes.top, attributes.height, height) || !fits(attributes.left, attributes.width, width)) {
      throw new ShapeError(
        'attribute-invalid',
        `crop2d: ${JSON.stringify(attributes)} is not a window of x ${formatShape(x.shape)}`,
        `Keep the window inside ${height} × ${width} pixels.`,
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
    { inputs: [[2, 7, 9, 8]], attributes: { top: 0, left: 0, height: 5, width: 6 } },
    { inputs: [[2, 7, 9, 8]], attributes: { top: 2, left: 3, height: 5, width: 6 } },
    { name: 'odd channels', inputs: [[2, 7, 9, 3]], attributes: { top: 1, left: 3, height: 4, width: 5 } },
    { name: 'everything', inputs: [[1, 3, 5, 4]], attributes: { top: 0, left: 0, height: 3, width: 5 } },
    { name: 'one pixel', inputs: [[1, 3, 5, 4]], attributes: { top: 2, left: 4, height: 1, width: 1 } },
    { name: 'nothing', inputs: [[1, 3, 5, 4]], attributes: { top: 3, left: 0, height: 0, width: 5 } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[7, 9, 8]], attributes: { top: 0, left: 0, height: 1, width: 1 } },
    {
      code: 'attribute-invalid',
      inputs: [[1, 7, 9, 8]],
      attributes: { top: 3, left: 0, height: 5, width: 9 },
    },
    {
      code: 'attribute-invalid',
      inputs: [[1, 7, 9, 8]],
      attributes: { top: 0, left: -1, height: 5, width: 9 },
    },
    {
      code: 'attribute-invalid',
      inputs: [[1, 7, 9, 8]],
      attributes: { top: 0, left: 0.5, height: 5, width: 1 },
    },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run({ ops, specs, gradient, attributes }) {
      return [ops.pad2d(gradient, { ...around(required(specs, 0).shape, attributes), mode: 'zeros' })];
    },
    reference(inputs, attributes, cotangent) {
      const { shape } = required(inputs, 0);
      const [batch = 0, outHeight = 0, outWidth = 0, channels = 0] = shape;
      const { top, left, height, width } = attributes;
      const window = {
        batch,
        height,
        width,
        channels,
        outHeight,
        outWidth,
        top,
        left,
        mode: 'zeros',
      } as const;
      return [takeWindow(cotangent, window)];
    },
    tolerance: () => [0],
  },
};

/** What a crop takes away on each side. */
function around(x: Shape, window: Crop2dAttributes): Padding {
  const [, height, width] = imageSizes(x);
  const { top, left } = window;
  return { top, left, bottom: height - top - window.height, right: width - left - window.width };
}

/** A crop is padding by a negative amount. */
function windowOf(x: Shape, { top, left, height: outHeight, width: outWidth }: Crop2dAttributes): PadShape {
  const [batch = 0, height = 0, width = 0, channels = 0] = x;
  return { batch, height, width, channels, outHeight, outWidth, top: -top, left: -left, mode: 'zeros' };
}

/**
 * x [B, H, W, C] → its `height` × `width` pixels from (`top`, `left`) on.
 * @throws ShapeError `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function crop2d(x: Tensor, options: Crop2dAttributes): Tensor {
  return apply(crop2dOp, [x], options);
}
