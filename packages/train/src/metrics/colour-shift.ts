import type { RgbImage } from '@lua-webgpu/lua-model';
import { requireSameSize, toBytes } from './image.ts';

/**
 * Mean of image − reference in R, G and B, in levels of 8 bits, after clamping and rounding.
 * @throws ShapeError `shape-mismatch`
 */
export function colourShift(
  image: RgbImage,
  reference: RgbImage,
): [red: number, green: number, blue: number] {
  requireSameSize('colourShift', image, reference);
  const a = toBytes(image);
  const b = toBytes(reference);
  const sums: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < a.length; i++)
    sums[i % 3] = (sums[i % 3] as number) + (a[i] as number) - (b[i] as number);
  const pixels = a.length / 3;
  return [sums[0] / pixels, sums[1] / pixels, sums[2] / pixels];
}
