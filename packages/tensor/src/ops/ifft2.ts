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

const complexOnly = { real: false, complex: true };
const backward: FftAttributes = { norm: 'backward' };

export const ifft2Op: OpDefinition<FftAttributes> = {
  name: 'ifft2',
  families: [fft2dFamily.name],

  infer(inputs, { norm }) {
    const x = required(inputs, 0);
    requireDType('ifft2', 'x', x.dtype, 'f32');
    imagesOf('ifft2', x.shape, complexOnly);
    scaleOf('ifft2', norm, true, x.shape);
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const { images } = imagesOf('ifft2', x.shape, complexOnly);
    record(device, { x: x.buffer, out: out.buffer }, images, {
      real: false,
      inverse: true,
      scale: scaleOf('ifft2', attributes.norm, true, x.shape),
    });
  },

  reference: (inputs, attributes) => transform(required(inputs, 0), attributes),

  samples: [
    { inputs: [[2, 1, 8, 8, 4]], attributes: backward },
    { name: 'a latent', inputs: [[2, 1, 32, 32, 16]], attributes: backward },
    { name: 'RGB', inputs: [[2, 2, 12, 10, 3]], attributes: backward },
    { name: 'small primes', inputs: [[2, 1, 13, 11, 1]], attributes: backward },
    { name: 'a large prime', inputs: [[2, 1, 43, 2, 4]], attributes: backward },
    { name: 'one pixel', inputs: [[2, 1, 1, 1, 1]], attributes: backward },
    { name: 'one row', inputs: [[2, 1, 1, 6, 4]], attributes: backward },
    { name: 'ortho', inputs: [[2, 1, 6, 10, 4]], attributes: { norm: 'ortho' } },
    { name: 'forward', inputs: [[2, 1, 5, 8, 3]], attributes: { norm: 'forward' } },
    { name: 'empty', inputs: [[2, 0, 8, 8, 4]], attributes: backward },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[1, 8, 8, 4]], attributes: backward },
    { code: 'shape-mismatch', inputs: [[1, 1, 8, 8, 4]], attributes: backward },
    { code: 'attribute-invalid', inputs: [[2, 1, 8, 8, 4]], attributes: { norm: 'none' as FftNorm } },
  ],

  tolerance: (inputs, attributes) => boundOf(required(inputs, 0), attributes),

  vjp: {
    saves: {},
    run: ({ ops, gradient, attributes: { norm } }) => [ops.fft2(gradient, { norm: transposedNorm[norm] })],
    reference(_inputs, { norm }, cotangent) {
      const scale = scaleOf('ifft2', transposedNorm[norm], false, cotangent.shape);
      return [transformReference(cotangent, false, scale)];
    },
    // The transform back with the transposed norm has the factor of this one.
    tolerance: (_inputs, attributes, cotangent) => [boundOf(cotangent, attributes)],
    samples: [
      { inputs: [[2, 1, 8, 8, 4]], attributes: backward },
      { name: 'RGB', inputs: [[2, 2, 12, 10, 3]], attributes: backward },
      { name: 'a large prime', inputs: [[2, 1, 43, 2, 4]], attributes: backward },
      { name: 'one row', inputs: [[2, 1, 1, 6, 4]], attributes: { norm: 'forward' } },
      { name: 'ortho', inputs: [[2, 1, 6, 10, 4]], attributes: { norm: 'ortho' } },
      { name: 'empty', inputs: [[2, 0, 8, 8, 4]], attributes: backward },
    ],
  },
};

const transform = (x: NdArray, { norm }: FftAttributes) =>
  transformReference(x, true, scaleOf('ifft2', norm, true, x.shape));

function boundOf(x: NdArray, { norm }: FftAttributes): Float64Array {
  const scale = scaleOf('ifft2', norm, true, x.shape);
  const bound = transformBound(x).map((value) => scale * value);
  return Float64Array.from([...bound, ...bound]);
}

/**
 * The inverse of `fft2`: complex x [2, B, H, W, C] → [2, B, H, W, C], as `torch.fft.ifft2` with its norms: with
 * 'backward', the default, divided by H·W. Any size.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function ifft2(x: Tensor, options: { norm?: FftNorm } = {}): Tensor {
  return apply(ifft2Op, [x], { norm: options.norm ?? 'backward' });
}
