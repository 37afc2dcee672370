import { fft2dFamily, fft2d as record } from '@lua-webgpu/kernels';
import { requireDType, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { imagesOf, transformBound, transformReference } from './fft-reference.ts';

const either = { real: true, complex: true };

export const fft2Op: OpDefinition<object> = {
  name: 'fft2',
  families: [fft2dFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    requireDType('fft2', 'x', x.dtype, 'f32');
    imagesOf('fft2', x.shape, either);
    return { shape: [2, ...x.shape.slice(-4)], dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const { real, images } = imagesOf('fft2', x.shape, either);
    record(device, { x: x.buffer, out: out.buffer }, images, { real, inverse: false });
  },

  reference: (inputs) => transformReference(required(inputs, 0), false),

  samples: [
    { inputs: [[1, 8, 8, 4]], attributes: {} },
    { name: 'a latent', inputs: [[1, 32, 64, 16]], attributes: {} },
    { name: 'RGB', inputs: [[2, 12, 20, 3]], attributes: {} },
    { name: 'complex', inputs: [[2, 2, 16, 6, 4]], attributes: {} },
    { name: 'complex, one channel', inputs: [[2, 1, 9, 14, 1]], attributes: {} },
    { name: 'every radix', inputs: [[1, 56, 30, 1]], attributes: {} },
    { name: 'radix 2 and 4', inputs: [[1, 2, 4, 4]], attributes: {} },
    { name: 'small primes', inputs: [[1, 22, 31, 2]], attributes: {} },
    { name: 'a large prime', inputs: [[1, 3, 37, 4]], attributes: {} },
    { name: 'large primes', inputs: [[2, 74, 41, 3]], attributes: {} },
    { name: 'one row', inputs: [[1, 1, 9, 4]], attributes: {} },
    { name: 'one column', inputs: [[2, 7, 1, 2]], attributes: {} },
    { name: 'one pixel', inputs: [[2, 1, 1, 3]], attributes: {} },
    { name: 'a long line', inputs: [[1, 1, 1000, 1]], attributes: {} },
    { name: 'empty', inputs: [[1, 0, 8, 4]], attributes: {} },
    { name: 'no channels', inputs: [[2, 1, 8, 8, 0]], attributes: {} },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[8, 8, 4]], attributes: {} },
    { code: 'shape-mismatch', inputs: [[3, 1, 8, 8, 4]], attributes: {} },
  ],

  tolerance(inputs) {
    const bound = transformBound(required(inputs, 0));
    return Float64Array.from([...bound, ...bound]);
  },
};

/**
 * The 2-D Fourier transform over H and W of real x [B, H, W, C] or complex x [2, B, H, W, C] → [2, B, H, W, C], real
 * parts first: the full spectrum, not scaled (`torch.fft.fft2` with norm 'backward'). Any size.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`
 */
export function fft2(x: Tensor): Tensor {
  return apply(fft2Op, [x], {});
}
