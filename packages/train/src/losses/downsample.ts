import { ShapeError } from '@lua-webgpu/kernels';
import {
  abs,
  formatShape,
  mean,
  type NdArray,
  resize2d,
  type Shape,
  sub,
  type Tensor,
} from '@lua-webgpu/tensor';
import { compareImages, toImageArray, toImages } from './images.ts';
import { difference, opReference } from './reference.ts';

export interface DownsampleOptions {
  /** d, how many times smaller the images that are compared are. 2 by default (LUA's appendix). */
  readonly factor?: number;
}

/**
 * DS = mean |↓d(x̂) − ↓d(x_HR)| over decoded images [B, 3, H, W], with ↓d the bicubic resize to H/d × W/d with antialias
 * (a = −0.5): the third term of stage II of LUA (arXiv 2511.10629). The appendix has d = 2; in the main text d is the
 * scale of the head.
 *
 * The resize is linear, so it is taken of the difference: one instead of two, and rounding errors are relative to the
 * difference.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `shape-empty`, `dtype-mismatch`, `attribute-invalid` for a factor
 *   that is no whole number from 1, `shape-indivisible` where it does not divide both sides
 */
export function downsampleLoss(
  prediction: Tensor,
  target: Tensor,
  { factor = 2 }: DownsampleOptions = {},
): Tensor {
  return compareImages({ loss: 'downsample', rgb: true }, prediction, target, (p, t) => {
    const size = smaller(p.shape, factor);
    return mean(abs(resize2d(toImages(sub(p, t)), { ...size, mode: 'bicubic', antialias: true })));
  });
}

function smaller(shape: Shape, factor: number): { height: number; width: number } {
  const [, , height = 0, width = 0] = shape;
  if (!Number.isSafeInteger(factor) || factor < 1) {
    throw new ShapeError(
      'attribute-invalid',
      `downsample: a factor of ${factor}`,
      'Pass a whole number from 1.',
    );
  }
  if (height % factor !== 0 || width % factor !== 0) {
    throw new ShapeError(
      'shape-indivisible',
      `downsample: ${formatShape(shape)} cannot be made ${factor} times smaller`,
      `Pass images whose sides are multiples of ${factor}.`,
    );
  }
  return { height: height / factor, width: width / factor };
}

/** The same in float64. */
export function downsampleReference(
  prediction: NdArray,
  target: NdArray,
  { factor = 2 }: DownsampleOptions = {},
): number {
  const attributes = { ...smaller(prediction.shape, factor), mode: 'bicubic', antialias: true };
  const { data } = opReference('resize2d', toImageArray(difference(prediction, target)), {
    ...attributes,
    transposed: false,
  });
  return data.reduce((sum, value) => sum + Math.abs(value), 0) / data.length;
}
