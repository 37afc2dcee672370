import { ShapeError } from '@lua-webgpu/kernels';

/** A picture in sRGB: [height, width, 3] row-major, values in [0, 1]. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** @throws ShapeError `image-shape` unless there is a pixel, and as many values as the size asks for */
export function requireImage(usedBy: string, { width, height, data }: RgbImage): void {
  const sides = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0;
  if (sides && data.length === width * height * 3) return;
  throw new ShapeError(
    'image-shape',
    `${usedBy}: ${data.length} values for a picture of ${width}×${height} pixels`,
    'Pass [height, width, 3] values with both sides above 0.',
  );
}
