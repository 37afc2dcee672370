import type { RgbImage } from '@lua-webgpu/lua-model';
import { requireSameSize, toBytes } from './image.ts';

/**
 * Peak signal-to-noise ratio in dB over all pixels and channels, after clamping and rounding to 8 bits; no border is
 * cut. Infinity for equal images.
 * @throws ShapeError `shape-mismatch`
 */
export function psnr(image: RgbImage, reference: RgbImage): number {
  requireSameSize('psnr', image, reference);
  const a = toBytes(image);
  const b = toBytes(reference);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum === 0 ? Number.POSITIVE_INFINITY : 20 * Math.log10(255 / Math.sqrt(sum / a.length));
}
