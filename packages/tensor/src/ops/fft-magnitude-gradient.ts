import {
  fft2dFamily,
  fftPhaseFamily,
  fft2dMagnitudeGradient as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, sameShape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required } from './define.ts';
import { imagesOf, magnitudeGradientBound, magnitudeGradientReference } from './fft-reference.ts';

const realOnly = { real: true, complex: false };

/** [1, 6, 8, 1] with values that differ, of this size. */
const ofSize = (size: number): NdArray => ({
  shape: [1, 6, 8, 1],
  data: Float64Array.from({ length: 48 }, (_, i) => size * (((i * i * 29) % 97) / 48 - 1)),
});
const sized = (size: number) => [ofSize(size), [1, 6, 8, 1]];

export const fftMagnitudeGradientOp: OpDefinition<object> = {
  name: 'fftMagnitudeGradient',
  families: [fft2dFamily.name, fftPhaseFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    requireDType('fftMagnitudeGradient', 'x', x.dtype, 'f32');
    requireDType('fftMagnitudeGradient', 'gradient', gradient.dtype, 'f32');
    imagesOf('fftMagnitudeGradient', x.shape, realOnly);
    if (!sameShape(x.shape, gradient.shape)) {
      throw new ShapeError(
        'shape-mismatch',
        `fftMagnitudeGradient: x ${formatShape(x.shape)}, gradient ${formatShape(gradient.shape)}`,
        'Pass a gradient of the shape of x.',
      );
    }
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const { images } = imagesOf('fftMagnitudeGradient', x.shape, realOnly);
    const gradient = required(inputs, 1).buffer;
    record(device, { x: x.buffer, gradient, out: out.buffer }, images);
  },

  reference: (inputs) => magnitudeGradientReference(required(inputs, 0), required(inputs, 1)),

  samples: [
    {
      inputs: [
        [1, 8, 8, 4],
        [1, 8, 8, 4],
      ],
      attributes: {},
    },
    {
      name: 'a latent',
      inputs: [
        [2, 32, 16, 16],
        [2, 32, 16, 16],
      ],
      attributes: {},
    },
    {
      name: 'RGB',
      inputs: [
        [2, 11, 10, 3],
        [2, 11, 10, 3],
      ],
      attributes: {},
    },
    {
      name: 'odd',
      inputs: [
        [1, 17, 9, 1],
        [1, 17, 9, 1],
      ],
      attributes: {},
    },
    { name: 'zeros', inputs: sized(0), attributes: {} },
    { name: 'squares that underflow', inputs: sized(1e-25), attributes: {} },
    { name: 'near the smallest normal numbers', inputs: sized(1e-31), attributes: {} },
    { name: 'squares that overflow', inputs: sized(1e25), attributes: {} },
    { name: 'near the largest numbers', inputs: sized(5e36), attributes: {} },
    {
      name: 'empty',
      inputs: [
        [0, 8, 8, 4],
        [0, 8, 8, 4],
      ],
      attributes: {},
    },
  ],

  refusals: [
    {
      code: 'shape-rank',
      inputs: [
        [8, 8, 4],
        [8, 8, 4],
      ],
      attributes: {},
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 8, 8, 4],
        [1, 8, 4, 8],
      ],
      attributes: {},
    },
  ],

  tolerance: (inputs) => magnitudeGradientBound(required(inputs, 0), required(inputs, 1)),
  vjp: firstOrder,
};

/**
 * The gradient of Σ gradient · |fft2(x)| with respect to real x, all [B, H, W, C]; F/|F| counts as 0 where F is 0, and
 * is right wherever float32 holds the spectrum F.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`
 */
export function fftMagnitudeGradient(x: Tensor, gradient: Tensor): Tensor {
  return apply(fftMagnitudeGradientOp, [x, gradient], {});
}
