import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdapterError } from '../../errors.ts';

const MANIFEST = 'manifest.json';
const UNFINISHED = '.unpacking-';

/** Name of each file of a cached folder, with the SHA-256 of its content. */
type Manifest = Record<string, string>;

/**
 * Where unpacked files may be kept, best first: LUA_WEBGPU_CACHE, else `lua-webgpu` in XDG_CACHE_HOME or
 * ~/.cache; and a private folder in the system's temporary one, for homes that cannot be written.
 */
export function cacheRoots(environment: NodeJS.ProcessEnv = process.env): string[] {
  const chosen =
    environment.LUA_WEBGPU_CACHE ||
    join(environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache'), 'lua-webgpu');
  return [chosen, temporaryRoot()];
}

function temporaryRoot(): string {
  return join(tmpdir(), `lua-webgpu-${process.getuid?.() ?? 'cache'}`);
}

/**
 * The folder `name` in the first usable cache root, filled by `fill` unless it is there and undamaged.
 *
 * It is filled under another name and renamed, so a process that is killed leaves nothing that looks whole,
 * and any number of processes may do this at once. Every file is checked against its hash at each call.
 * `fill` must write the same bytes each time. Throws `AdapterError` (`adapter-embedded`) where no root can be
 * written; what `fill` throws for other reasons passes through.
 */
export async function cachedFolder(
  name: string,
  fill: (folder: string) => Promise<void>,
  roots: readonly string[] = cacheRoots(),
): Promise<string> {
  const refusals: unknown[] = [];
  for (const root of roots) {
    const folder = join(root, name);
    try {
      await prepareRoot(root);
      if (!(await isIntact(folder))) await install(root, folder, fill);
      return folder;
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      refusals.push(error);
    }
  }
  throw new AdapterError(
    'adapter-embedded',
    `no folder to unpack the embedded software adapter into: ${refusals.map(String).join('; ')}`,
    'Set LUA_WEBGPU_CACHE to a folder that this user can write, with 10 MB free.',
    { cause: new AggregateError(refusals) },
  );
}

async function prepareRoot(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (root !== temporaryRoot()) return;
  // Anybody can make this folder first in a shared temporary one, and code is about to be loaded from it.
  const stat = await lstat(root);
  const ours = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
  if (!ours) throw Object.assign(new Error(`${root} is not private to this user`), { code: 'EPERM' });
}

function isUnwritable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT', 'ENOSPC', 'EDQUOT'].includes(
    String(code),
  );
}

/** Whether `folder` holds a manifest and exactly the content that it promises. */
async function isIntact(folder: string): Promise<boolean> {
  try {
    const manifest: Manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'));
    const hashes = Object.entries(manifest).map(
      async ([file, hash]) => hash === (await hashOf(join(folder, file))),
    );
    return hashes.length > 0 && (await Promise.all(hashes)).every(Boolean);
  } catch {
    // Absent, unreadable or not JSON: all of them mean that it has to be made again.
    return false;
  }
}

async function hashOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

async function install(root: string, folder: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await sweep(root);
  const fresh = await mkdtemp(join(root, UNFINISHED));
  try {
    await fill(fresh);
    const manifest: Manifest = {};
    for (const file of await readdir(fresh)) manifest[file] = await hashOf(join(fresh, file));
    await writeFile(join(fresh, MANIFEST), JSON.stringify(manifest));
    await rename(fresh, folder).catch(() => replaceFiles(fresh, folder));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/**
 * Puts the files of `fresh` over those of `folder`, which another process has just made or which is damaged.
 * File by file, for at no moment may a file be missing that somebody else has just found intact.
 */
async function replaceFiles(fresh: string, folder: string): Promise<void> {
  if (await isIntact(folder)) return;
  if (!(await lstat(folder)).isDirectory()) await rm(folder, { force: true });
  await mkdir(folder, { recursive: true });
  for (const file of await readdir(fresh)) {
    const replace = () => rename(join(fresh, file), join(folder, file));
    await replace().catch(async () => {
      // Only something that is no file at all resists a rename.
      await rm(join(folder, file), { recursive: true, force: true });
      await replace();
    });
  }
}

/** Removes what processes that were killed have left; an hour is far more than unpacking takes. */
async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const path = join(root, name);
    if (!name.startsWith(UNFINISHED)) continue;
    const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > 3_600_000) await rm(path, { recursive: true, force: true });
  }
}
