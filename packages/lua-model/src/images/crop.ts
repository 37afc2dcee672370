import { ShapeError } from '@lua-webgpu/kernels';
import { type RgbImage, requireImage } from './rgb-image.ts';

/** A rectangle inside a picture, in pixels. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A copy of a rectangle of a picture. @throws ShapeError `image-shape`, `image-small` where it does not lie inside */
export function cropImage(image: RgbImage, { left, top, width, height }: CropBox): RgbImage {
  requireImage('cropImage', image);
  const within = (start: number, length: number, side: number) =>
    Number.isSafeInteger(start) &&
    Number.isSafeInteger(length) &&
    start >= 0 &&
    length > 0 &&
    start + length <= side;
  if (!within(left, width, image.width) || !within(top, height, image.height)) {
    throw new ShapeError(
      'image-small',
      `a crop of ${width}×${height} pixels at (${left}, ${top}) of a picture of ${image.width}×${image.height}`,
      'Use a larger picture, or a crop that lies inside it.',
    );
  }
  const data = new Float32Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * image.width + left);
    data.set(image.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height, data };
}

/**
 * The upper left part of a picture whose sides are multiples of `multiple`; the picture itself where they are already.
 * @throws ShapeError `image-shape`, `image-small` where a side is below `multiple`
 */
export function cropToMultiple(image: RgbImage, multiple: number): RgbImage {
  const width = image.width - (image.width % multiple);
  const height = image.height - (image.height % multiple);
  if (width === image.width && height === image.height) return image;
  if (width > 0 && height > 0) return cropImage(image, { left: 0, top: 0, width, height });
  throw new ShapeError(
    'image-small',
    `a picture of ${image.width}×${image.height} pixels is smaller than ${multiple}×${multiple}`,
    `Use a picture of at least ${multiple}×${multiple} pixels.`,
  );
}

/** The middle of a picture; where that is half a pixel off, one pixel up or left. Throws as `cropImage`. */
export function centreCrop(image: RgbImage, width: number, height: number): RgbImage {
  const left = Math.floor((image.width - width) / 2);
  const top = Math.floor((image.height - height) / 2);
  return cropImage(image, { left, top, width, height });
}
