import { FileError } from '@lua-webgpu/kernels';
import { readFileBytes, type SniffedFile, sniffFile } from '@lua-webgpu/tensor';
import type { Metadata } from 'sharp';
import type { RgbImage } from './rgb-image.ts';
import { loadSharp } from './sharp.ts';
import { profileUse, toRgb } from './to-rgb.ts';

export interface ReadImageOptions {
  /** Pictures with more pixels are refused before they are decoded; 2^28, about 268 million. */
  readonly maxPixels?: number | undefined;
  /** Names the picture in messages; the path, else `the picture`. */
  readonly source?: string | undefined;
}

export interface ReadImage {
  readonly image: RgbImage;
  /** What was changed on the way to sRGB, one sentence each without the file's name: `turned upright, as …`. */
  readonly notes: readonly string[];
}

const MAX_PIXELS = 2 ** 28;
const AGAIN = 'Copy or download the picture again, or save it anew with the program that made it.';
const CONVERT = 'Convert it to PNG, JPEG, WebP, TIFF or AVIF with 8 or 16 bits per channel.';

/**
 * Reads a picture (Node only, through sharp): PNG, JPEG, WebP, TIFF or AVIF with 8 to 16 bits per channel. Grey,
 * palette and CMYK become RGB, an ICC profile is converted to sRGB, the EXIF orientation is applied, alpha is
 * composited on white, of several pages the first is taken. Values are the file's levels divided by the largest level:
 * nothing is rounded. Pictures with an HDR transfer function (PQ, HLG) are not told from others.
 *
 * @param picture a path, or the bytes of a file
 * @throws FileError `image-library` without sharp; `file-not-found`, `file-unreadable`; `image-is-…` for a file of
 * another kind; `image-format` for a format or a kind of pixels that is not read; `image-pixels` above `maxPixels`;
 * `image-broken` where any part is truncated, fails its checksum or cannot be decoded
 */
export async function readImage(
  picture: string | Uint8Array,
  options: ReadImageOptions = {},
): Promise<ReadImage> {
  const source = options.source ?? (typeof picture === 'string' ? picture : 'the picture');
  const maxPixels = options.maxPixels ?? MAX_PIXELS;
  const sharp = await loadSharp();
  const bytes = typeof picture === 'string' ? await readFileBytes(picture) : picture;
  const sniffed = sniffFile(bytes);
  if (sniffed && sniffed.kind !== 'image') throw wrongKind(source, sniffed);
  // 'warning' is the level at which a JPEG with damaged data is refused and not filled up with grey.
  const failOn = 'warning';
  try {
    const metadata = await sharp(bytes, { failOn, limitInputPixels: false }).metadata();
    checkFormat(metadata, source);
    checkPixels(metadata, maxPixels, source);
    const ignoreIcc = profileUse(metadata) !== 'applied';
    return await toRgb(sharp(bytes, { failOn, limitInputPixels: maxPixels, ignoreIcc }), metadata);
  } catch (cause) {
    throw cause instanceof FileError ? cause : undecodable(source, sniffed, cause);
  }
}

function wrongKind(source: string, { kind, description, fix }: SniffedFile): FileError {
  return new FileError(
    `image-is-${kind}`,
    `${source}: expected a picture, but this is ${description}`,
    kind === 'lfs-pointer' ? fix : 'Pass a PNG, JPEG, WebP, TIFF or AVIF file.',
  );
}

const readFormats = ['png', 'jpeg', 'webp', 'tiff', 'heif'];
/** Colour channels by space; one more may be alpha. */
const colourChannels: Readonly<Record<string, number>> = { 'b-w': 1, grey16: 1, srgb: 3, rgb16: 3, cmyk: 4 };

function checkFormat({ format, compression, space, depth, channels }: Metadata, source: string): void {
  const refuse = (what: string) => new FileError('image-format', `${source} is ${what}`, CONVERT);
  if (!readFormats.includes(format)) throw refuse(`a picture of the format ${format}`);
  if (format === 'heif' && compression !== 'av1')
    throw refuse(`a HEIF picture compressed with ${compression}`);
  const colours = colourChannels[space];
  if (colours === undefined) throw refuse(`a ${format} picture in the colour space ${space}`);
  if (depth !== 'uchar' && depth !== 'ushort') throw refuse(`a ${format} picture with ${depth} pixels`);
  if (channels > colours + 1) throw refuse(`a ${format} picture with ${channels} channels`);
}

function checkPixels({ width, height }: Metadata, maxPixels: number, source: string): void {
  if (width * height <= maxPixels) return;
  throw new FileError(
    'image-pixels',
    `${source} has ${width}×${height} pixels, more than the ${maxPixels} that are allowed`,
    'Make it smaller; or raise the limit (maxPixels, --max-pixels) if you trust the file and have the memory, 12 bytes per pixel and more.',
  );
}

function undecodable(source: string, sniffed: SniffedFile | undefined, cause: unknown): FileError {
  const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).trim().split('\n');
  if (sniffed === undefined) {
    return new FileError('image-format', `${source} is no picture of a known format (${reason})`, CONVERT, {
      cause,
    });
  }
  return new FileError(
    'image-broken',
    `${source} is ${sniffed.description} that is truncated or damaged (${reason})`,
    AGAIN,
    { cause },
  );
}
