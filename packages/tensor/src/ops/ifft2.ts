import { fft2dFamily, fft2d as record } from '@lua-webgpu/kernels';
import { requireDType, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import { imagesOf, transformBound, transformReference } from './fft-reference.ts';

const complexOnly = { real: false, complex: true };

export const ifft2Op: OpDefinition<object> = {
  name: 'ifft2',
  families: [fft2dFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    requireDType('ifft2', 'x', x.dtype, 'f32');
    imagesOf('ifft2', x.shape, complexOnly);
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const { images } = imagesOf('ifft2', x.shape, complexOnly);
    record(device, { x: x.buffer, out: out.buffer }, images, { real: false, inverse: true });
  },

  reference: (inputs) => transformReference(required(inputs, 0), true),

  samples: [
    { inputs: [[2, 1, 8, 8, 4]], attributes: {} },
    { name: 'a latent', inputs: [[2, 1, 32, 32, 16]], attributes: {} },
    { name: 'RGB', inputs: [[2, 2, 12, 10, 3]], attributes: {} },
    { name: 'small primes', inputs: [[2, 1, 13, 11, 1]], attributes: {} },
    { name: 'a large prime', inputs: [[2, 1, 43, 2, 4]], attributes: {} },
    { name: 'one pixel', inputs: [[2, 1, 1, 1, 1]], attributes: {} },
    { name: 'one row', inputs: [[2, 1, 1, 6, 4]], attributes: {} },
    { name: 'empty', inputs: [[2, 0, 8, 8, 4]], attributes: {} },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[1, 8, 8, 4]], attributes: {} },
    { code: 'shape-mismatch', inputs: [[1, 1, 8, 8, 4]], attributes: {} },
  ],

  tolerance(inputs) {
    const x = required(inputs, 0);
    const [height = 0, width = 0] = x.shape.slice(2, 4);
    const bound = transformBound(x).map((value) => value / (height * width));
    return Float64Array.from([...bound, ...bound]);
  },
};

/**
 * The inverse of `fft2`: complex x [2, B, H, W, C] → [2, B, H, W, C], divided by H·W (norm 'backward'). Any size.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`
 */
export function ifft2(x: Tensor): Tensor {
  return apply(ifft2Op, [x], {});
}
