import { ShapeError } from '@lua-webgpu/kernels';
import type { RgbImage } from '@lua-webgpu/lua-model';

/** Clamped to [0, 1] and rounded to 8 bits, as a saved picture would be: integers in [0, 255]. */
export function toBytes({ data }: RgbImage): Float64Array {
  return Float64Array.from(data, (value) => Math.round(Math.min(1, Math.max(0, value)) * 255));
}

/** @throws ShapeError `shape-mismatch` unless both images have one size and as many values as that asks for */
export function requireSameSize(metric: string, a: RgbImage, b: RgbImage): void {
  const fits = (image: RgbImage) => image.data.length === image.width * image.height * 3;
  if (a.width === b.width && a.height === b.height && fits(a) && fits(b)) return;
  throw new ShapeError(
    'shape-mismatch',
    `${metric}: ${a.height}×${a.width} (${a.data.length} values) and ${b.height}×${b.width} (${b.data.length} values)`,
    'Pass two RGB images of one size, [height, width, 3].',
  );
}
