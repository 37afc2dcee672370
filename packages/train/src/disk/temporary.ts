import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '@lua-webgpu/tensor';

/** As `writeFileAtomic` in @lua-webgpu/tensor names its files. */
const TEMPORARY = /^\..+\.\d+-[0-9a-f-]{36}\.tmp$/;

/** A name for what is not yet, or no longer, to be seen as `name`. */
export function temporaryName(name: string): string {
  return `.${name.slice(0, 32)}.${process.pid}-${randomUUID()}.tmp`;
}

/**
 * Deletes a folder so that no crash leaves half of it under its name.
 * @throws NodeJS.ErrnoException
 */
export async function removeFolder(path: string): Promise<void> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  await rename(path, temporary);
  await syncFolder(dirname(path));
  await rm(temporary, { recursive: true });
}

/**
 * Deletes what processes that died while they wrote or deleted have left in a folder. Only for who knows that no other
 * process is at work there.
 *
 * @returns the names; none for a folder that does not exist
 * @throws NodeJS.ErrnoException
 */
export async function cleanLeftovers(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const leftovers = names.filter((name) => TEMPORARY.test(name));
  for (const name of leftovers) await rm(join(folder, name), { recursive: true, force: true });
  return leftovers;
}
