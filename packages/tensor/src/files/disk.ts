import { FileError } from '@lua-webgpu/kernels';

/** Waits until the names in a folder are on the disk, where the file system can do that. */
export async function syncFolder(folder: string): Promise<void> {
  const { open } = await import('node:fs/promises');
  try {
    await using handle = await open(folder, 'r');
    await handle.sync();
  } catch (error) {
    // Windows and some network file systems cannot fsync a folder; the rename itself has succeeded.
    if (!['EPERM', 'EISDIR', 'EINVAL', 'EACCES', 'ENOTSUP'].includes(errorCode(error))) throw error;
  }
}

/** `ENOSPC` and the like. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/**
 * What a failure of the operating system to write means.
 * @returns FileError `file-disk-full` where space is what lacks, else `file-unwritable`
 */
export function unwritable(path: string, cause: unknown): FileError {
  const code = errorCode(cause);
  const fixes: Readonly<Record<string, string>> = {
    ENOENT: 'Create the folder first.',
    ENOTDIR: 'A part of the path is a file; choose another path.',
    ENOSPC: 'Free some space on the disk.',
    EDQUOT: 'Free some space within your quota.',
    EROFS: 'The file system is read-only; choose another folder.',
    EACCES: 'Give yourself permission to write there, or choose another folder.',
    EPERM: 'Give yourself permission to write there, or choose another folder.',
    ENAMETOOLONG: 'Choose a shorter name.',
  };
  const fix = fixes[code] ?? 'Check the disk and the path.';
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const message = `${path} cannot be written (${code})`;
  return new FileError(full ? 'file-disk-full' : 'file-unwritable', message, fix, { cause });
}
