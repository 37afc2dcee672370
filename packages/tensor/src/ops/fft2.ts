import { fft2dFamily, fft2d as record } from '@lua-webgpu/kernels';
import { requireDType, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import {
  type FftAttributes,
  type FftNorm,
  imagesOf,
  scaleOf,
  transformBound,
  transformReference,
  transposedNorm,
} from './fft-reference.ts';

const either = { real: true, complex: true };
const backward: FftAttributes = { norm: 'backward' };

export const fft2Op: OpDefinition<FftAttributes> = {
  name: 'fft2',
  families: [fft2dFamily.name],

  infer(inputs, { norm }) {
    const x = required(inputs, 0);
    requireDType('fft2', 'x', x.dtype, 'f32');
    imagesOf('fft2', x.shape, either);
    scaleOf('fft2', norm, false, x.shape);
    return { shape: [2, ...x.shape.slice(-4)], dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const { real, images } = imagesOf('fft2', x.shape, either);
    record(device, { x: x.buffer, out: out.buffer }, images, {
      real,
      inverse: false,
      scale: scaleOf('fft2', attributes.norm, false, x.shape),
    });
  },

  reference: (inputs, attributes) => transform(required(inputs, 0), attributes),

  samples: [
    { inputs: [[1, 8, 8, 4]], attributes: backward },
    { name: 'a latent', inputs: [[1, 32, 64, 16]], attributes: backward },
    { name: 'RGB', inputs: [[2, 12, 20, 3]], attributes: backward },
    { name: 'complex', inputs: [[2, 2, 16, 6, 4]], attributes: backward },
    { name: 'complex, one channel', inputs: [[2, 1, 9, 14, 1]], attributes: backward },
    { name: 'every radix', inputs: [[1, 56, 30, 1]], attributes: backward },
    { name: 'radix 2 and 4', inputs: [[1, 2, 4, 4]], attributes: backward },
    { name: 'small primes', inputs: [[1, 22, 31, 2]], attributes: backward },
    { name: 'a large prime', inputs: [[1, 3, 37, 4]], attributes: backward },
    { name: 'large primes', inputs: [[2, 74, 41, 3]], attributes: backward },
    { name: 'one row', inputs: [[1, 1, 9, 4]], attributes: backward },
    { name: 'one column', inputs: [[2, 7, 1, 2]], attributes: backward },
    { name: 'one pixel', inputs: [[2, 1, 1, 3]], attributes: backward },
    { name: 'a long line', inputs: [[1, 1, 1000, 1]], attributes: backward },
    { name: 'ortho', inputs: [[1, 6, 10, 4]], attributes: { norm: 'ortho' } },
    { name: 'forward', inputs: [[2, 1, 5, 8, 3]], attributes: { norm: 'forward' } },
    { name: 'empty', inputs: [[1, 0, 8, 4]], attributes: backward },
    { name: 'no channels', inputs: [[2, 1, 8, 8, 0]], attributes: backward },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[8, 8, 4]], attributes: backward },
    { code: 'shape-mismatch', inputs: [[3, 1, 8, 8, 4]], attributes: backward },
    { code: 'attribute-invalid', inputs: [[1, 8, 8, 4]], attributes: { norm: 'none' as FftNorm } },
  ],

  tolerance: (inputs, attributes) => {
    const bound = boundOf(required(inputs, 0), attributes);
    return Float64Array.from([...bound, ...bound]);
  },

  vjp: {
    saves: {},

    run({ ops, specs, gradient, attributes: { norm } }) {
      const { shape } = required(specs, 0);
      const planes = ops.ifft2(gradient, { norm: transposedNorm[norm] });
      if (shape.length === 5) return [planes];
      return [ops.slice(planes, [0, 0, 0, 0, 0], [1, ...shape]).reshape(shape)];
    },

    reference(inputs, { norm }, cotangent) {
      const { shape, data } = required(inputs, 0);
      const scale = scaleOf('fft2', transposedNorm[norm], true, shape);
      return [{ shape, data: transformReference(cotangent, true, scale).data.slice(0, data.length) }];
    },

    tolerance(inputs, attributes, cotangent) {
      // The transform back with the transposed norm has the factor of this one.
      const bound = boundOf(cotangent, attributes);
      return [required(inputs, 0).shape.length === 4 ? bound : Float64Array.from([...bound, ...bound])];
    },

    samples: [
      { inputs: [[1, 8, 8, 4]], attributes: backward },
      { name: 'RGB', inputs: [[2, 12, 10, 3]], attributes: backward },
      { name: 'complex', inputs: [[2, 2, 9, 6, 4]], attributes: backward },
      { name: 'a large prime', inputs: [[1, 3, 37, 2]], attributes: backward },
      { name: 'one pixel', inputs: [[2, 1, 1, 3]], attributes: backward },
      { name: 'ortho', inputs: [[1, 6, 10, 4]], attributes: { norm: 'ortho' } },
      { name: 'forward, complex', inputs: [[2, 1, 5, 8, 3]], attributes: { norm: 'forward' } },
      { name: 'empty', inputs: [[1, 0, 8, 4]], attributes: backward },
    ],
  },
};

const transform = (x: NdArray, { norm }: FftAttributes) =>
  transformReference(x, false, scaleOf('fft2', norm, false, x.shape));

function boundOf(x: NdArray, { norm }: FftAttributes): Float64Array {
  const scale = scaleOf('fft2', norm, false, x.shape);
  return transformBound(x).map((value) => scale * value);
}

/**
 * The 2-D Fourier transform over H and W of real x [B, H, W, C] or complex x [2, B, H, W, C] → [2, B, H, W, C], real
 * parts first: the full spectrum, as `torch.fft.fft2` with its norms: with 'backward', the default, not scaled. Any size.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function fft2(x: Tensor, options: { norm?: FftNorm } = {}): Tensor {
  return apply(fft2Op, [x], { norm: options.norm ?? 'backward' });
}
