import { fftMagnitude, l1Loss, type NdArray, scoped, type Tensor } from '@lua-webgpu/tensor';
import { compareImages, toImageArray, toImages } from './images.ts';
import { meanDifference, opReference } from './reference.ts';

/**
 * FFTz = mean ||F(ẑ)| − |F(z_HR)|| over all channels and frequencies of latents [B, C, h, w], with F the 2-D transform of
 * each channel, forward, not normalised, the whole spectrum: the second term of stages I and II of LUA
 * (arXiv 2511.10629).
 *
 * The gradient is 0 where both magnitudes are equal, and where F(ẑ) is 0.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `shape-empty`, `dtype-mismatch`
 */
export function latentFft(prediction: Tensor, target: Tensor): Tensor {
  return compareImages({ loss: 'fft_latent', rgb: false }, prediction, target, compareSpectra);
}

/**
 * FFTx: the same of decoded images [B, 3, H, W], the second term of stage III.
 * @throws as `latentFft`
 */
export function pixelFft(prediction: Tensor, target: Tensor): Tensor {
  return compareImages({ loss: 'fft_pixel', rgb: true }, prediction, target, compareSpectra);
}

function compareSpectra(prediction: Tensor, target: Tensor): Tensor {
  const spectrum = (x: Tensor) => scoped(x, (input) => fftMagnitude(toImages(input)));
  return l1Loss(spectrum(prediction), spectrum(target));
}

/** Either of them in float64. */
export function fftReference(prediction: NdArray, target: NdArray): number {
  const spectrum = (x: NdArray) => opReference('fftMagnitude', toImageArray(x));
  return meanDifference(spectrum(prediction), spectrum(target));
}
