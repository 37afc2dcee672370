import { l1Loss, type Tensor } from '@lua-webgpu/tensor';
import { compareImages } from './images.ts';
import { meanDifference } from './reference.ts';

/**
 * L1z = mean |ẑ − z_HR| over all elements of latents [B, C, h, w]: the first term of stages I and II of LUA
 * (arXiv 2511.10629).
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `shape-empty`, `dtype-mismatch`
 */
export function latentL1(prediction: Tensor, target: Tensor): Tensor {
  return compareImages({ loss: 'l1_latent', rgb: false }, prediction, target, l1Loss);
}

/**
 * L1x = mean |x̂ − x_HR| over all elements of decoded images [B, 3, H, W]: the first term of stage III. Values outside
 * [0, 1] count as they are.
 * @throws as `latentL1`
 */
export function pixelL1(prediction: Tensor, target: Tensor): Tensor {
  return compareImages({ loss: 'l1_pixel', rgb: true }, prediction, target, l1Loss);
}

/** Either of them in float64. */
export const l1Reference = meanDifference;
