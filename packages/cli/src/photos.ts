import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { cropToMultiple, hasImageExtension, type RgbImage, readImage } from '@lua-webgpu/lua-model';
import type { Output } from './output.ts';

/** A picture and the path that it comes from. */
export interface Photo {
  readonly path: string;
  readonly image: RgbImage;
}

/** Reads a picture; what had to be changed about it is said on stderr. @throws FileError as `readImage` */
export async function readPhoto(
  path: string,
  options: { readonly maxPixels: number | undefined },
  output: Output,
): Promise<Photo> {
  const { image, notes } = await readImage(path, options);
  for (const note of notes) output.note(`${path}: ${note}`);
  return { path, image };
}

/**
 * The upper left part of a photo whose sides a VAE can encode; says on stderr where something was cut off.
 * @throws ShapeError `image-small`
 */
export function fitToStride({ path, image }: Photo, stride: number, output: Output): RgbImage {
  const fitted = cropToMultiple(image, stride);
  if (fitted !== image) {
    output.note(
      `${path}: cropped from ${sizeText(image)} to ${sizeText(fitted)}, multiples of ${stride}, at the right and at the bottom`,
    );
  }
  return fitted;
}

/**
 * The pictures that paths name: a file itself, of a folder the pictures in it (not in folders below), by name.
 * @throws FileError `file-not-found`, `file-unreadable`, `image-none` for a folder without pictures
 */
export async function listPhotos(paths: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(paths.map(picturesAt));
  return lists.flat();
}

async function picturesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new FileError('file-not-found', `${path} does not exist`, 'Check the path.');
  }
  if (!found.isDirectory()) return [path];
  const names = await entriesOf(path);
  const pictures = names.filter(hasImageExtension).sort();
  if (pictures.length > 0) return pictures.map((name) => join(path, name));
  throw new FileError('image-none', `there are no pictures in the folder ${path}`, 'Check the path.');
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new FileError(
      'file-unreadable',
      `the folder ${folder} cannot be read: ${(cause as Error).message}`,
      'Give yourself permission to read it.',
      { cause },
    );
  }
}

/** `576×768 pixels`, width first. */
export function sizeText({ width, height }: { readonly width: number; readonly height: number }): string {
  return `${width}×${height} pixels`;
}
