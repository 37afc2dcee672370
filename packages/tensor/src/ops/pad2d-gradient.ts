import {
  borderIndex,
  type PadGradientShape,
  type PadMode,
  padGradientFamily,
  padGradient as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required } from './define.ts';
import { absolute, reductionBound } from './tolerance.ts';

/** The image that was padded, and how: the gradient's size tells the padding at the bottom and right. */
export interface Pad2dGradientAttributes {
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
  readonly mode: 'reflect' | 'replicate';
}

const small = { height: 5, width: 6, top: 2, left: 3 };
const wide = { height: 3, width: 2, top: 7, left: 5 };
const pixel = { height: 1, width: 1, top: 2, left: 1 };

export const pad2dGradientOp: OpDefinition<Pad2dGradientAttributes> = {
  name: 'pad2dGradient',
  families: [padGradientFamily.name],

  infer(inputs, attributes) {
    const { shape, dtype } = required(inputs, 0);
    requireDType('pad2dGradient', 'gradient', dtype, 'f32');
    requireRank('pad2dGradient', 'gradient', shape, 4);
    const [batch = 0, padded = 0, paddedWidth = 0, channels = 0] = shape;
    const { height, width, top, left } = attributes;
    const fits = (before: number, side: number, all: number) =>
      Number.isSafeInteger(before) &&
      Number.isSafeInteger(side) &&
      before >= 0 &&
      side >= 0 &&
      before + side <= all;
    if (!fits(top, height, padded) || !fits(left, width, paddedWidth)) {
      throw new ShapeError(
        'attribute-invalid',
        `pad2dGradient: ${JSON.stringify(attributes)} is no image inside ${formatShape(shape)}`,
        'Pass the size of the image that was padded, and its padding at the top and left.',
      );
    }
    return { shape: [batch, height, width, channels], dtype };
  },

  forward({ device, inputs, out, attributes }) {
    const gradient = required(inputs, 0);
    record(device, { gradient: gradient.buffer, out: out.buffer }, shapeOf(gradient.shape, attributes));
  },

  reference: (inputs, attributes) => padGradient(required(inputs, 0), attributes),

  samples: [
    { inputs: [[2, 8, 13, 8]], attributes: { ...small, mode: 'reflect' } },
    { inputs: [[2, 8, 13, 8]], attributes: { ...small, mode: 'replicate' } },
    { name: 'odd channels', inputs: [[2, 8, 13, 3]], attributes: { ...small, mode: 'reflect' } },
    { name: 'odd channels', inputs: [[2, 8, 13, 3]], attributes: { ...small, mode: 'replicate' } },
    { name: 'wider than the side', inputs: [[1, 23, 13, 4]], attributes: { ...wide, mode: 'reflect' } },
    { name: 'wider than the side', inputs: [[1, 23, 13, 4]], attributes: { ...wide, mode: 'replicate' } },
    { name: 'one pixel', inputs: [[2, 10, 17, 4]], attributes: { ...pixel, mode: 'reflect' } },
    { name: 'one pixel', inputs: [[2, 10, 17, 1]], attributes: { ...pixel, mode: 'replicate' } },
    { name: 'no images', inputs: [[0, 8, 13, 4]], attributes: { ...small, mode: 'reflect' } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[8, 13, 8]], attributes: { ...small, mode: 'reflect' } },
    { code: 'attribute-invalid', inputs: [[1, 6, 13, 8]], attributes: { ...small, mode: 'reflect' } },
    {
      code: 'attribute-invalid',
      inputs: [[1, 8, 13, 8]],
      attributes: { ...small, left: -1, mode: 'replicate' },
    },
    {
      code: 'dtype-mismatch',
      inputs: [[2, 8, 13, 8]],
      dtypes: ['u32'],
      attributes: { ...small, mode: 'reflect' },
    },
  ],

  tolerance: (inputs, attributes) => padGradientBound(required(inputs, 0), attributes),
  vjp: firstOrder,
};

function shapeOf(gradient: Shape, attributes: Pad2dGradientAttributes): PadGradientShape {
  const [batch = 0, outHeight = 0, outWidth = 0, channels = 0] = gradient;
  return { batch, channels, outHeight, outWidth, ...attributes };
}

/** Float64 reference, of padding with zeros as well: scatters where the kernel gathers. */
export function padGradient(
  gradient: NdArray,
  attributes: Omit<Pad2dGradientAttributes, 'mode'> & { readonly mode: PadMode },
): NdArray {
  const [batch = 0, outHeight = 0, outWidth = 0, channels = 0] = gradient.shape;
  const { height, width, top, left, mode } = attributes;
  const shape = [batch, height, width, channels];
  const data = new Float64Array(batch * height * width * channels);
  for (let row = 0; row < batch * outHeight; row++) {
    const y = borderIndex((row % outHeight) - top, height, mode);
    for (let column = 0; column < outWidth; column++) {
      const x = borderIndex(column - left, width, mode);
      if (y === undefined || x === undefined) continue;
      const to = ((Math.floor(row / outHeight) * height + y) * width + x) * channels;
      for (let c = 0; c < channels; c++) {
        const g = gradient.data[(row * outWidth + column) * channels + c] as number;
        data[to + c] = (data[to + c] as number) + g;
      }
    }
  }
  return { shape, data };
}

/** Error bound of the kernel: at worst one pixel sums the whole image. */
export function padGradientBound(gradient: NdArray, attributes: Pad2dGradientAttributes): Float64Array {
  const [, outHeight = 0, outWidth = 0] = gradient.shape;
  return reductionBound(outHeight * outWidth, padGradient(absolute(gradient), attributes));
}

/**
 * The gradient of `pad2d` by reflection or replication: every pixel of the image sums `gradient` [B, Ho, Wo, C] over the
 * pixels that show it. Has no gradient itself.
 * @throws ShapeError `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function pad2dGradient(gradient: Tensor, options: Pad2dGradientAttributes): Tensor {
  return apply(pad2dGradientOp, [gradient], options);
}
