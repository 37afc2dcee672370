import { fft2dFamily, fft2dMagnitude as record } from '@lua-webgpu/kernels';
import { requireDType, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import {
  imagesOf,
  magnitudeGradientBound,
  magnitudeGradientReference,
  transformBound,
  transformReference,
} from './fft-reference.ts';
import { epsilon } from './tolerance.ts';

const realOnly = { real: true, complex: false };

/** [1, 6, 8, 1] with values that differ, of this size. */
const ofSize = (size: number): NdArray => ({
  shape: [1, 6, 8, 1],
  data: Float64Array.from({ length: 48 }, (_, i) => size * (((i * 29) % 48) / 24 - 1)),
});

export const fftMagnitudeOp: OpDefinition<object> = {
  name: 'fftMagnitude',
  families: [fft2dFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    requireDType('fftMagnitude', 'x', x.dtype, 'f32');
    imagesOf('fftMagnitude', x.shape, realOnly);
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const { images } = imagesOf('fftMagnitude', x.shape, realOnly);
    record(device, { x: x.buffer, out: out.buffer }, images);
  },

  reference(inputs) {
    const x = required(inputs, 0);
    const { data } = transformReference(x, false, 1);
    const plane = x.data.length;
    return { shape: x.shape, data: x.data.map((_, i) => Math.hypot(data[i] ?? 0, data[plane + i] ?? 0)) };
  },

  samples: [
    { inputs: [[1, 8, 8, 4]], attributes: {} },
    { name: 'a latent', inputs: [[2, 32, 16, 16]], attributes: {} },
    { name: 'RGB', inputs: [[2, 12, 10, 3]], attributes: {} },
    { name: 'patch variances', inputs: [[1, 34, 17, 1]], attributes: {} },
    { name: 'a large prime', inputs: [[2, 2, 37, 4]], attributes: {} },
    { name: 'one pixel', inputs: [[1, 1, 1, 3]], attributes: {} },
    { name: 'one column', inputs: [[1, 5, 1, 1]], attributes: {} },
    { name: 'zeros', inputs: [ofSize(0)], attributes: {} },
    { name: 'squares that underflow', inputs: [ofSize(1e-25)], attributes: {} },
    { name: 'near the smallest normal numbers', inputs: [ofSize(1e-31)], attributes: {} },
    { name: 'squares that overflow', inputs: [ofSize(1e25)], attributes: {} },
    { name: 'near the largest numbers', inputs: [ofSize(5e36)], attributes: {} },
    { name: 'empty', inputs: [[0, 8, 8, 4]], attributes: {} },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[8, 8, 4]], attributes: {} },
    { code: 'shape-rank', inputs: [[2, 1, 8, 8, 4]], attributes: {} },
  ],

  tolerance: (inputs, _, reference) =>
    transformBound(required(inputs, 0)).map((bound, i) => bound + 8 * epsilon * (reference.data[i] ?? 0)),

  vjp: {
    // The spectrum is computed again: kept, it would take twice the memory of x.
    saves: { inputs: [0] },
    run: ({ ops, inputs, gradient }) => [ops.fftMagnitudeGradient(required(inputs, 0), gradient)],
    reference: (inputs, _, cotangent) => [magnitudeGradientReference(required(inputs, 0), cotangent)],
    tolerance: (inputs, _, cotangent) => [magnitudeGradientBound(required(inputs, 0), cotangent)],
    samples: [
      { inputs: [[1, 8, 8, 4]], attributes: {} },
      { name: 'RGB', inputs: [[2, 12, 10, 3]], attributes: {} },
      { name: 'patch variances', inputs: [[1, 34, 17, 1]], attributes: {} },
      { name: 'a large prime', inputs: [[2, 2, 37, 4]], attributes: {} },
      { name: 'one pixel', inputs: [[1, 1, 1, 3]], attributes: {} },
      { name: 'empty', inputs: [[0, 8, 8, 4]], attributes: {} },
    ],
  },
};

/**
 * |fft2(x)| of real x [B, H, W, C] → [B, H, W, C], without overflow or underflow of squares: right wherever float32
 * holds the spectrum, and 0 for 0. The gradient takes F/|F| for 0 where F is 0; where F is 0 but for rounding errors, as
 * in a constant image, its direction is that of the errors.
 * @throws ShapeError `shape-rank`, `dtype-mismatch`
 */
export function fftMagnitude(x: Tensor): Tensor {
  return apply(fftMagnitudeOp, [x], {});
}
