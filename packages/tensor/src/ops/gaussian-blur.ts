import { borderIndex, gaussianBlur as record, resizeFamily, ShapeError } from '@lua-webgpu/kernels';
import { requireDType, requireRank, type Tensor } from '../core/index.ts';
import { type AxisWeight, mapImage } from './axis-reference.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import { absolute, reductionBound } from './tolerance.ts';

export interface GaussianBlurAttributes {
  readonly kernelSize: number;
  readonly sigma: number;
  /** The transpose of the filter, which differs from it at the borders: the way of a gradient. */
  readonly transposed: boolean;
}

const taps = (kernelSize: number, sigma: number, transposed = false): GaussianBlurAttributes => ({
  kernelSize,
  sigma,
  transposed,
});
const five = taps(5, 1);

export const gaussianBlurOp: OpDefinition<GaussianBlurAttributes> = {
  name: 'gaussianBlur',
  families: [resizeFamily.name],

  infer(inputs, { kernelSize, sigma }) {
    const x = required(inputs, 0);
    requireDType('gaussianBlur', 'x', x.dtype, 'f32');
    requireRank('gaussianBlur', 'x', x.shape, 4);
    if (!Number.isSafeInteger(kernelSize) || kernelSize < 1 || kernelSize % 2 === 0) {
      throw new ShapeError(
        'attribute-invalid',
        `gaussianBlur: a kernel of ${kernelSize} taps has no centre`,
        'Pass an odd kernelSize.',
      );
    }
    if (!(sigma > 0 && Number.isFinite(sigma))) {
      throw new ShapeError('attribute-invalid', `gaussianBlur: a sigma of ${sigma}`, 'Pass a sigma above 0.');
    }
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    record(device, { x: x.buffer, out: out.buffer }, { batch, height, width, channels, ...attributes });
  },

  reference: (inputs, attributes) => blurReference(required(inputs, 0), attributes),

  samples: [
    { inputs: [[2, 9, 14, 4]], attributes: five },
    { inputs: [[1, 16, 16, 16]], attributes: five },
    { name: 'RGB', inputs: [[2, 11, 8, 3]], attributes: five },
    { name: 'one channel', inputs: [[1, 7, 12, 1]], attributes: taps(9, 1.5) },
    { name: 'narrow', inputs: [[1, 7, 12, 4]], attributes: taps(3, 0.3) },
    { name: 'smaller than the radius', inputs: [[1, 2, 3, 4]], attributes: taps(11, 3) },
    { name: 'one pixel', inputs: [[1, 1, 1, 3]], attributes: five },
    { name: 'one row', inputs: [[1, 1, 6, 4]], attributes: five },
    { name: 'one tap', inputs: [[1, 4, 6, 4]], attributes: taps(1, 1) },
    { name: 'empty', inputs: [[1, 0, 6, 4]], attributes: five },
    { name: 'transposed', inputs: [[2, 9, 14, 4]], attributes: taps(5, 1, true) },
    { name: 'transposed, smaller than the radius', inputs: [[1, 2, 3, 3]], attributes: taps(11, 3, true) },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[5, 6, 8]], attributes: five },
    { code: 'attribute-invalid', inputs: [[1, 5, 6, 8]], attributes: taps(4, 1) },
    { code: 'attribute-invalid', inputs: [[1, 5, 6, 8]], attributes: taps(5, 0) },
    { code: 'attribute-invalid', inputs: [[1, 5, 6, 8]], attributes: taps(5, Number.NaN) },
  ],

  tolerance: (inputs, attributes) => bound(required(inputs, 0), attributes),

  vjp: {
    saves: {},
    run: ({ gradient, attributes }) => [apply(gaussianBlurOp, [gradient], back(attributes))],
    reference: (_inputs, attributes, cotangent) => [blurReference(cotangent, back(attributes))],
    tolerance: (_inputs, attributes, cotangent) => [bound(cotangent, back(attributes))],
  },
};

const back = (attributes: GaussianBlurAttributes) => ({ ...attributes, transposed: !attributes.transposed });

const bound = (x: NdArray, attributes: GaussianBlurAttributes) =>
  reductionBound(2 * attributes.kernelSize, blurReference(absolute(x), attributes));

function blurReference(x: NdArray, { kernelSize, sigma, transposed }: GaussianBlurAttributes): NdArray {
  const [, height = 0, width = 0] = x.shape;
  const radius = (kernelSize - 1) / 2;
  const gauss = (distance: number) => Math.exp(-0.5 * (distance / sigma) ** 2);
  let sum = 0;
  for (let d = -radius; d <= radius; d++) sum += gauss(d);
  const weight = (side: number): AxisWeight => {
    const plain = (j: number, p: number) => {
      let found = 0;
      for (let d = -radius; d <= radius; d++) {
        if (borderIndex(j + d, side, 'reflect') === p) found += gauss(d) / sum;
      }
      return found;
    };
    return transposed ? (j, p) => plain(p, j) : plain;
  };
  return mapImage(x, { size: height, weight: weight(height) }, { size: width, weight: weight(width) });
}

/**
 * x [B, H, W, C] filtered per channel with a Gaussian of `kernelSize` taps (odd, normalised to sum 1), the image
 * reflected at its borders; where the radius is not smaller than the side, with period 2·side − 2.
 * @throws ShapeError `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function gaussianBlur(x: Tensor, options: { kernelSize: number; sigma: number }): Tensor {
  return apply(gaussianBlurOp, [x], { ...options, transposed: false });
}
