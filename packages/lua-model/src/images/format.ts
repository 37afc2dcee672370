import { FileError } from '@lua-webgpu/kernels';

/** The formats of picture files that are read and written. */
export type ImageFormat = 'png' | 'jpeg' | 'webp' | 'tiff' | 'avif';

const formats: Readonly<Record<string, ImageFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
  '.tif': 'tiff',
  '.tiff': 'tiff',
  '.avif': 'avif',
};

/** Endings of picture files' names, in lower case. */
export const imageExtensions: readonly string[] = Object.keys(formats);

/** Whether a path ends as a picture's does. */
export function hasImageExtension(path: string): boolean {
  return extensionOf(path) in formats;
}

/** @throws FileError `image-extension` for a path that does not end as a picture's */
export function imageFormatOf(path: string): ImageFormat {
  const format = formats[extensionOf(path)];
  if (format !== undefined) return format;
  throw new FileError(
    'image-extension',
    `the name ${path} does not say in which format the picture is`,
    `End it with one of ${imageExtensions.join(', ')}.`,
  );
}

function extensionOf(path: string): string {
  return /\.[a-z]+$/.exec(path.toLowerCase())?.[0] ?? '';
}
