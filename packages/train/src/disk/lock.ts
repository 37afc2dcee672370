import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FileError } from '@lua-webgpu/kernels';
import { unwritable } from '@lua-webgpu/tensor';
import * as z from 'zod';
import { type ProcessRecord, standingOf, thisProcess } from './process.ts';

const schema = z.object({
  pid: z.int().min(1),
  started: z.string().nullable(),
  host: z.string(),
  namespace: z.string().nullable(),
});

/** How long a lock may stay without content before its process counts as dead. */
const GRACE_MS = 1000;

export interface Lock {
  /** The processes that died with the lock in their hands. */
  readonly abandoned: readonly ProcessRecord[];
  release(): Promise<void>;
}

/**
 * Reserves a folder for this process: `NAME.1.lock`, made with O_EXCL, says whose it is. A lock whose process is dead is
 * taken over by making the next number, `NAME.2.lock`; only one of several that try succeeds, and what is deleted is
 * never a lock that someone has just taken.
 *
 * @throws FileError `run-locked` where another process is at work (or one on another machine may be), `file-unwritable`,
 * `file-disk-full`
 */
export async function acquireLock(folder: string, name: string): Promise<Lock> {
  for (;;) {
    const before = await locksIn(folder, name);
    for (const lock of before) refuseUnlessDead(lock, folder);
    const path = join(folder, fileName(name, 1 + Math.max(0, ...before.map(({ number }) => number))));
    if (!(await create(path))) continue;
    // Whoever listed the folder while it changed may hold another number by now: the later of two sees the earlier.
    const others = (await locksIn(folder, name)).filter((lock) => lock.path !== path);
    if (!others.every((lock) => standing(lock) === 'dead')) {
      await rm(path, { force: true });
      continue;
    }
    for (const { path: abandoned } of others) await rm(abandoned, { force: true });
    return {
      abandoned: others.flatMap(({ owner }) => owner ?? []),
      release: () => rm(path, { force: true }),
    };
  }
}

interface Found {
  readonly path: string;
  readonly number: number;
  /** Undefined where the process died before it wrote its name. */
  readonly owner: ProcessRecord | undefined;
}

function fileName(name: string, number: number): string {
  return `${name}.${number}.lock`;
}

async function locksIn(folder: string, name: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const entry of await readdir(folder)) {
    const number = Number(/\.(\d+)\.lock$/.exec(entry)?.[1]);
    if (entry !== fileName(name, number)) continue;
    const path = join(folder, entry);
    const owner = await ownerOf(path);
    if (owner !== 'gone') found.push({ path, number, owner });
  }
  return found;
}

async function ownerOf(path: string): Promise<ProcessRecord | undefined | 'gone'> {
  for (const end = Date.now() + GRACE_MS; ; await setTimeout(20)) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return 'gone';
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      if (Date.now() > end) return undefined;
    }
  }
}

function standing({ owner }: Found): ReturnType<typeof standingOf> {
  return owner === undefined ? 'dead' : standingOf(owner);
}

/** @throws FileError `run-locked` */
function refuseUnlessDead(lock: Found, folder: string): void {
  const state = standing(lock);
  if (state === 'dead') return;
  const { path, owner } = lock;
  throw new FileError(
    'run-locked',
    `${folder} is in use by process ${owner?.pid}${state === 'elsewhere' ? ` of ${owner?.host}` : ''}`,
    state === 'alive'
      ? 'Wait for it, stop it, or choose another folder.'
      : `It runs, or ran, on another machine or in another container. If it is gone, delete ${path}.`,
  );
}

/** Whether the file was made; false where it is there already. */
async function create(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx');
    try {
      await file.writeFile(`${JSON.stringify(thisProcess())}\n`);
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw unwritable(path, error);
  }
}
