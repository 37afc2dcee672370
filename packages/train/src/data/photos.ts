import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { hasImageExtension } from '@lua-webgpu/lua-model';

export interface Photo {
  readonly path: string;
  /** What the data call it: the folder's name and the path below, with `/`. */
  readonly source: string;
}

/**
 * The photographs that paths stand for, sorted by source: files as they are, of folders everything below that ends as a
 * picture's name does, hidden files and folders left out.
 *
 * @throws FileError `file-not-found`, `photos-none`, `photos-source` where two would be called the same
 */
export async function findPhotos(paths: readonly string[]): Promise<Photo[]> {
  const photos = (await Promise.all(paths.map(photosOf))).flat();
  photos.sort((a, b) => (a.source < b.source ? -1 : 1));
  const twice = photos.findIndex(({ source }, i) => source === photos[i + 1]?.source);
  if (twice >= 0) {
    throw new FileError(
      'photos-source',
      `${photos[twice]?.path} and ${photos[twice + 1]?.path} would both be called ${photos[twice]?.source}`,
      'Name each photograph once, and give folders of one name others, or their parent.',
    );
  }
  if (photos.length > 0) return photos;
  throw new FileError(
    'photos-none',
    `there are no photographs in ${paths.join(', ')}`,
    'Name files or folders with PNG, JPEG, WebP, TIFF or AVIF files.',
  );
}

async function photosOf(path: string): Promise<Photo[]> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new FileError('file-not-found', `${path}: ${cause.message}`, 'Check the path.', { cause });
  });
  const name = basename(resolve(path));
  if (!found.isDirectory()) return [{ path, source: name }];
  const below = await readdir(path, { recursive: true });
  return below
    .filter((file) => hasImageExtension(file) && !file.split(sep).some((part) => part.startsWith('.')))
    .map((file) => ({ path: join(path, file), source: [name, ...file.split(sep)].join('/') }));
}
