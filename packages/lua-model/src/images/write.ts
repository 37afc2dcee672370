import { FileError, NonFiniteError } from '@lua-webgpu/kernels';
import { writeFileAtomic } from '@lua-webgpu/tensor';
import type { Sharp } from 'sharp';
import { type ImageFormat, imageFormatOf } from './format.ts';
import { type RgbImage, requireImage } from './rgb-image.ts';
import { loadSharp } from './sharp.ts';

/** Lossless where the format can be, since these pictures are looked at closely and measured. */
const encoders: Readonly<Record<ImageFormat, (picture: Sharp) => Sharp>> = {
  png: (picture) => picture.png(),
  jpeg: (picture) => picture.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }),
  webp: (picture) => picture.webp({ lossless: true }),
  tiff: (picture) => picture.tiff({ compression: 'deflate', predictor: 'horizontal' }),
  avif: (picture) => picture.avif({ lossless: true, chromaSubsampling: '4:4:4' }),
};

/**
 * The bytes of a picture's file (Node only, through sharp): 8 bits per channel, sRGB. Values are clamped to [0, 1] and
 * rounded. JPEG has quality 95 and full chroma; the other formats lose nothing.
 *
 * @throws FileError `image-library` without sharp, `image-encode` for a picture that the format cannot hold
 * @throws ShapeError `image-shape`
 * @throws NonFiniteError `non-finite` for NaN or infinity
 */
export async function encodeImage(image: RgbImage, format: ImageFormat): Promise<Uint8Array> {
  requireImage('encodeImage', image);
  const { width, height, data } = image;
  const sharp = await loadSharp();
  const picture = sharp(toLevels(data), { raw: { width, height, channels: 3 }, limitInputPixels: false });
  try {
    return await encoders[format](picture).toBuffer();
  } catch (cause) {
    throw new FileError(
      'image-encode',
      `a picture of ${width}×${height} pixels cannot be written as ${format}: ${(cause as Error).message}`,
      'Choose another format: PNG and TIFF have no limit that matters, JPEG ends at 65,535 pixels a side, WebP at 16,383.',
      { cause },
    );
  }
}

/**
 * Writes a picture whole or not at all, in the format that the path's ending names; see `encodeImage`.
 * @throws FileError `image-extension`, `file-unwritable`, and what `encodeImage` throws
 */
export async function writeImage(path: string, image: RgbImage): Promise<void> {
  await writeFileAtomic(path, await encodeImage(image, imageFormatOf(path)));
}

function toLevels(data: Float32Array): Uint8Array {
  const levels = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (!Number.isFinite(value)) {
      throw new NonFiniteError(
        'non-finite',
        `the picture holds ${value} at the value ${i}`,
        'Check what computed it: a latent in the wrong scale, or overflow.',
      );
    }
    levels[i] = Math.round(Math.min(1, Math.max(0, value)) * 255);
  }
  return levels;
}
