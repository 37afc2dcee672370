import { gaussianBlur, l1Loss, type NdArray, sub, type Tensor } from '@lua-webgpu/tensor';
import { compareImages, toImageArray, toImages } from './images.ts';
import { difference, meanDifference, opReference } from './reference.ts';

export interface HighFrequencyOptions {
  /** Taps of the Gaussian along each axis, odd. 5 by default. */
  readonly kernel_size?: number;
  /** Its standard deviation in pixels. 1 by default. */
  readonly sigma?: number;
}

/**
 * HF = mean |(x̂ − G(x̂)) − (x_HR − G(x_HR))| over decoded images [B, 3, H, W], with G a Gaussian of each channel, the image
 * reflected at its borders: the fourth term of stage II of LUA (arXiv 2511.10629).
 *
 * G is linear, so it is taken of r = x̂ − x_HR: HF = mean |r − G(r)|.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `shape-empty`, `dtype-mismatch`, `attribute-invalid`, `image-small`
 *   where a side is not larger than half the kernel, so that there is no reflection
 */
export function highFrequencyLoss(
  prediction: Tensor,
  target: Tensor,
  { kernel_size: kernelSize = 5, sigma = 1 }: HighFrequencyOptions = {},
): Tensor {
  const side = Math.ceil(kernelSize / 2);
  const why = `which a Gaussian of ${kernelSize} taps reflects beyond`;
  return compareImages(
    { loss: 'high_frequency', rgb: true, least: { side, why } },
    prediction,
    target,
    (p, t) => {
      const residual = toImages(sub(p, t));
      return l1Loss(residual, gaussianBlur(residual, { kernelSize, sigma }));
    },
  );
}

/** The same in float64. */
export function highFrequencyReference(
  prediction: NdArray,
  target: NdArray,
  { kernel_size: kernelSize = 5, sigma = 1 }: HighFrequencyOptions = {},
): number {
  const residual = toImageArray(difference(prediction, target));
  return meanDifference(
    residual,
    opReference('gaussianBlur', residual, { kernelSize, sigma, transposed: false }),
  );
}
