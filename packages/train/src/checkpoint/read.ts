import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { parseConfigText } from '@lua-webgpu/lua-model';
import { parseSafetensors, readFileBytes } from '@lua-webgpu/tensor';
import { EMA_PREFIX } from './content.ts';
import { parseManifest, parseState } from './schema.ts';
import type {
  BrokenCheckpoint,
  CheckpointContent,
  CheckpointInfo,
  CheckpointSearch,
  Manifest,
} from './types.ts';
import { totalBytes } from './write.ts';

type FileRecord = Manifest['files'][string];

const CHUNK_BYTES = 2 ** 22;
const DAMAGED = 'Use another checkpoint; this one is damaged.';
const REQUIRED = ['weights.safetensors', 'optimizer.safetensors', 'state.json'] as const;

/**
 * Every checkpoint in a folder, by what is in them and not by their names: each one's files are compared with the hashes
 * of its manifest. A folder that does not exist holds none.
 *
 * @throws FileError `file-unreadable` when the folder itself cannot be read
 */
export async function findCheckpoints(folder: string): Promise<CheckpointSearch> {
  const valid: CheckpointInfo[] = [];
  const broken: BrokenCheckpoint[] = [];
  for (const path of await candidates(folder)) {
    try {
      valid.push(await verifyCheckpoint(path));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      broken.push({ path, error });
    }
  }
  valid.sort(newerFirst);
  return { newest: valid[0], valid, broken };
}

/** Folders that are, or look like, checkpoints; hidden ones are being written or deleted. */
export async function candidates(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => join(folder, name))
      .sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unreadable(folder, cause);
  }
}

/** By step; of two of one step the one written later. */
export function newerFirst(
  a: Pick<CheckpointInfo, 'path' | 'state'>,
  b: Pick<CheckpointInfo, 'path' | 'state'>,
): number {
  if (a.state.step !== b.state.step) return b.state.step - a.state.step;
  const [early, late] = [Date.parse(a.state.written), Date.parse(b.state.written)];
  return late - early || (basename(a.path) < basename(b.path) ? 1 : -1);
}

/**
 * Compares every file of a checkpoint with its manifest, without keeping them in memory.
 * @throws FileError `checkpoint-incomplete`, `checkpoint-manifest`, `checkpoint-newer`, `checkpoint-length`,
 * `checkpoint-hash`, `checkpoint-state`, `file-unreadable`
 */
export async function verifyCheckpoint(path: string): Promise<CheckpointInfo> {
  const manifest = await readManifest(path);
  for (const file of Object.keys(manifest.files)) {
    checkFile(path, file, manifest, await digest(join(path, file)));
  }
  return readInfo(path, manifest);
}

/**
 * Manifest and state, and of the other files no more than their lengths.
 * @throws FileError as {@link verifyCheckpoint}
 */
export async function describeCheckpoint(path: string): Promise<CheckpointInfo> {
  const manifest = await readManifest(path);
  for (const name of Object.keys(manifest.files)) {
    checkLength(path, name, manifest, await sizeOf(join(path, name)));
  }
  return readInfo(path, manifest);
}

/**
 * Reads a checkpoint. What is returned is what was compared with the hashes, to the bit what was saved; `ema` has all
 * parameters, the frozen ones too.
 *
 * @throws FileError as {@link verifyCheckpoint}, and what `parseSafetensors` and `parseConfigText` throw
 */
export async function readCheckpoint(path: string): Promise<CheckpointInfo & CheckpointContent> {
  const manifest = await readManifest(path);
  const info = await readInfo(path, manifest);
  const tensorFile = async (name: string) =>
    parseSafetensors(await readChecked(path, name, manifest), join(path, name));
  const weights = await tensorFile('weights.safetensors');
  const optimizer = await tensorFile('optimizer.safetensors');
  const ema = 'ema.safetensors' in manifest.files ? await tensorFile('ema.safetensors') : undefined;
  const config = parseConfigText(
    weights.metadata.get('config') ?? '',
    `${join(path, 'weights.safetensors')} (metadata)`,
  );
  return {
    ...info,
    config,
    weights: weights.tensors,
    optimizer: optimizer.tensors,
    ...(ema && { ema: new Map([...ema.tensors].map(([name, tensor]) => [EMA_PREFIX + name, tensor])) }),
  };
}

/** @throws FileError `checkpoint-incomplete`, `checkpoint-manifest`, `checkpoint-newer` */
async function readManifest(path: string): Promise<Manifest> {
  const file = join(path, 'manifest.json');
  const manifest = parseManifest(await read(file), file);
  for (const name of REQUIRED) {
    if (!(name in manifest.files)) throw incomplete(`${file} does not list ${name}`);
  }
  return manifest;
}

async function readInfo(path: string, manifest: Manifest): Promise<CheckpointInfo> {
  const state = parseState(await readChecked(path, 'state.json', manifest), join(path, 'state.json'));
  return { path, manifest, state, bytes: totalBytes(manifest) };
}

async function readChecked(path: string, name: string, manifest: Manifest): Promise<Uint8Array> {
  const bytes = await read(join(path, name));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  checkFile(path, name, manifest, { bytes: bytes.byteLength, sha256 });
  return bytes;
}

/** A file that is not there is what a checkpoint without it is: incomplete. */
async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFileBytes(path);
  } catch (error) {
    if (error instanceof FileError && error.code === 'file-not-found') throw incomplete(error.message);
    throw error;
  }
}

async function digest(path: string): Promise<FileRecord> {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(CHUNK_BYTES);
  let bytes = 0;
  try {
    await using file = await open(path, 'r');
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return { bytes, sha256: hash.digest('hex') };
      hash.update(chunk.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): FileError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return incomplete(`${path} does not exist`);
  const message = `${path} cannot be read (${code})`;
  return new FileError('file-unreadable', message, 'Check the disk and your permissions.', { cause });
}

function checkFile(path: string, name: string, manifest: Manifest, found: FileRecord): void {
  checkLength(path, name, manifest, found.bytes);
  if (found.sha256 === manifest.files[name]?.sha256) return;
  const message = `${join(path, name)} is not what its manifest says (SHA-256)`;
  throw new FileError('checkpoint-hash', message, DAMAGED);
}

function checkLength(path: string, name: string, { files }: Manifest, bytes: number): void {
  const expected = files[name]?.bytes;
  if (bytes === expected) return;
  const message = `${join(path, name)} has ${bytes} bytes, its manifest says ${expected}`;
  throw new FileError('checkpoint-length', message, DAMAGED);
}

function incomplete(message: string): FileError {
  return new FileError('checkpoint-incomplete', message, DAMAGED);
}
