import { createHash } from 'node:crypto';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { syncFolder, unwritable } from '@lua-webgpu/tensor';
import { temporaryName } from '../disk/index.ts';
import { filesOf } from './content.ts';
import { CHECKPOINT_VERSION, encodeJson } from './schema.ts';
import type { CheckpointContent, CheckpointInfo, Manifest } from './types.ts';

/** Between two looks at the signal, and two turns of the event loop. */
const CHUNK_BYTES = 2 ** 23;

/** `step-00001000` */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/**
 * Writes a checkpoint into `folder` so that at every moment, a crash included, it is there whole or not at all: all
 * files into a temporary folder, each synced, the manifest last; then one rename.
 *
 * Where the name is taken (by a damaged checkpoint of the same step), another is: `step-00001000.1`.
 *
 * @throws NonFiniteError `non-finite`; FileError `file-disk-full`, `file-unwritable`, `checkpoint-state`; the signal's
 * reason. Nothing is left of the attempt, and what was there before stays.
 */
export async function writeCheckpoint(
  folder: string,
  content: CheckpointContent,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<CheckpointInfo> {
  const contents = filesOf(content);
  const name = checkpointName(content.state.step);
  const temporary = join(folder, temporaryName(name));
  try {
    signal?.throwIfAborted();
    await mkdir(temporary, { recursive: true });
    const files: Record<string, Manifest['files'][string]> = {};
    for (const [file, parts] of contents) files[file] = await writeFile(join(temporary, file), parts, signal);
    const manifest: Manifest = { format: 'lua-webgpu checkpoint', version: CHECKPOINT_VERSION, files };
    await writeFile(join(temporary, 'manifest.json'), [encodeJson(manifest)], signal);
    await syncFolder(temporary);
    const path = await freePath(join(folder, name));
    await rename(temporary, path);
    await syncFolder(folder);
    return { path, manifest, state: content.state, bytes: totalBytes(manifest) };
  } catch (error) {
    // The error that led here says more than a failure to clean up, which the next start makes up for.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    if (signal?.aborted || error instanceof FileError) throw error;
    throw unwritable(join(folder, name), error);
  }
}

/** The bytes of the files that a manifest lists. */
export function totalBytes({ files }: Manifest): number {
  return Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
}

async function writeFile(
  path: string,
  parts: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<Manifest['files'][string]> {
  const hash = createHash('sha256');
  let bytes = 0;
  await using file = await open(path, 'wx');
  for (const part of parts) {
    for (let at = 0; at < part.byteLength; at += CHUNK_BYTES) {
      signal?.throwIfAborted();
      const chunk = part.subarray(at, at + CHUNK_BYTES);
      await file.writeFile(chunk);
      hash.update(chunk);
    }
    bytes += part.byteLength;
  }
  await file.sync();
  return { bytes, sha256: hash.digest('hex') };
}

/** A rename would fail on a folder that is not empty, and replace one that is. */
async function freePath(path: string): Promise<string> {
  for (let n = 0; ; n++) {
    const candidate = n === 0 ? path : join(dirname(path), `${basename(path)}.${n}`);
    const taken = await lstat(candidate).then(
      () => true,
      () => false,
    );
    if (!taken) return candidate;
  }
}
