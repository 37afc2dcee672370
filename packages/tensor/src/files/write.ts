import { FileError } from '@lua-webgpu/kernels';
import { errorCode, syncFolder, unwritable } from './disk.ts';

/**
 * Writes a file so that at every moment, a crash included, `path` holds either its old content or all of the new one
 * (Node only): a temporary file in the same folder, fsync, rename, fsync of the folder. A symbolic link is followed;
 * the permissions of an existing file are kept.
 *
 * @throws FileError `file-unwritable`, `file-disk-full`; the existing file is then untouched and no temporary file is left. (Only when
 * the very last step, fsync of the folder, fails is the new file already in place.)
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const { open, rename, rm } = await import('node:fs/promises');
  const { basename, dirname, join } = await import('node:path');
  try {
    const target = await resolveTarget(path);
    const folder = dirname(target.path);
    // The name's start alone: with all of it, a long name that is itself allowed would give one that is not.
    const unique = `${process.pid}-${crypto.randomUUID()}`;
    const temporary = join(folder, `.${basename(target.path).slice(0, 32)}.${unique}.tmp`);
    try {
      // The existing file's mode from the start, so that a private file's bytes are never public.
      await using file = await open(temporary, 'wx', target.mode ?? 0o666);
      await file.writeFile(bytes);
      if (target.mode !== undefined) await file.chmod(target.mode);
      await file.sync();
      // Closed before the rename: Windows refuses to rename an open file.
      await file.close();
      await rename(temporary, target.path);
    } catch (error) {
      // The error that led here says more than a failure to clean up.
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await syncFolder(folder);
  } catch (error) {
    throw error instanceof FileError ? error : unwritable(path, error);
  }
}

/** The file that `path` stands for, and its permissions where it exists. */
async function resolveTarget(path: string): Promise<{ path: string; mode?: number }> {
  const { realpath, stat } = await import('node:fs/promises');
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { path };
    throw error;
  }
  if (!found.isFile()) {
    // A rename over /dev/null would replace the device.
    const what = found.isDirectory() ? 'a folder' : 'not a regular file';
    throw new FileError('file-unwritable', `${path} is ${what}`, 'Name a file to write.');
  }
  return { path: await realpath(path), mode: found.mode & 0o7777 };
}
