import type { FileHandle } from 'node:fs/promises';
import { FileError } from '@lua-webgpu/kernels';

/**
 * All bytes of a file (Node only).
 *
 * @throws FileError `file-not-found`, `file-unreadable` (a folder, a device, no permission, an I/O error),
 * `file-too-large` when memory does not suffice
 */
export async function readFileBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await readFileStart(path, Number.POSITIVE_INFINITY);
}

/** The first `length` bytes of a file (Node only), fewer where it ends before. Throws as {@link readFileBytes}. */
export async function readFileStart(path: string, length: number): Promise<Uint8Array<ArrayBuffer>> {
  await using file = await openRegularFile(path);
  try {
    const { size } = await file.stat();
    return await readRange(file, path, 0, Math.min(size, length));
  } catch (error) {
    throw error instanceof FileError ? error : unreadable(path, error);
  }
}

/** Opens a file for reading (Node only). @throws FileError `file-not-found`, `file-unreadable` */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const { open, stat } = await import('node:fs/promises');
  try {
    // Before open: opening a pipe would wait for its writer.
    const found = await stat(path);
    if (found.isFile()) return await open(path, 'r');
    const what = found.isDirectory() ? 'a folder' : 'not a regular file';
    throw new FileError('file-unreadable', `${path} is ${what}`, 'Pass the path of a file.');
  } catch (error) {
    throw error instanceof FileError ? error : unreadable(path, error);
  }
}

/** `length` bytes of a file from `begin`; fewer where it ends before. */
export async function readRange(
  file: FileHandle,
  path: string,
  begin: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = allocate(length, path);
  // In parts: one read call returns at most 2 GiB, and may return less than it was asked for.
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(length - at, 2 ** 30), begin + at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}

function allocate(size: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new FileError(
      'file-too-large',
      `${path} has ${size} bytes, which do not fit into one array`,
      'Use a smaller file, or a machine with more memory.',
      { cause },
    );
  }
}

/** What a failure of the operating system to read means. */
export function unreadable(path: string, cause: unknown): FileError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new FileError('file-not-found', `${path} does not exist`, 'Check the path.', { cause });
  }
  return new FileError(
    'file-unreadable',
    `${path} cannot be read (${code})`,
    code === 'EACCES' || code === 'EPERM'
      ? 'Give yourself permission to read it.'
      : 'Check the disk and the path.',
    { cause },
  );
}
