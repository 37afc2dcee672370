import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError } from '../../errors.ts';
import { cacheRoots } from './cache.ts';
import type { AdapterDescription } from './types.ts';

/** Of the file: picks of another one are not read. */
const version = 1;

type Picks = Readonly<Record<string, string>>;

function fileOf(root: string, adapter: AdapterDescription): string {
  const { name, vendor, architecture, origin } = adapter;
  const hash = createHash('sha256').update(JSON.stringify([name, vendor, architecture, origin]));
  return join(root, `tuned-${hash.digest('hex').slice(0, 16)}.json`);
}

/** What `storePicks` kept for this adapter, in the first cache root that has it; undefined where none has. */
export async function storedPicks(adapter: AdapterDescription): Promise<Picks | undefined> {
  for (const root of cacheRoots()) {
    try {
      const stored = JSON.parse(await readFile(fileOf(root, adapter), 'utf8'));
      if (stored.version === version && stored.adapter === adapter.name) return stored.picks;
    } catch {
      // Absent or damaged: the default choice is as good as it was before anybody tuned.
    }
  }
  return undefined;
}

/** @throws AdapterError `adapter-tuned` where no cache root can be written */
export async function storePicks(adapter: AdapterDescription, picks: Picks): Promise<string> {
  const refusals: unknown[] = [];
  for (const root of cacheRoots()) {
    const path = fileOf(root, adapter);
    try {
      await mkdir(root, { recursive: true, mode: 0o700 });
      const unfinished = `${path}.${process.pid}`;
      await writeFile(unfinished, `${JSON.stringify({ version, adapter: adapter.name, picks }, null, 1)}\n`);
      await rename(unfinished, path);
      return path;
    } catch (error) {
      refusals.push(error);
    }
  }
  throw new AdapterError(
    'adapter-tuned',
    `no folder to keep the picks in: ${refusals.map(String).join('; ')}`,
    'Set LUA_WEBGPU_CACHE to a folder that this user can write.',
    { cause: new AggregateError(refusals) },
  );
}
