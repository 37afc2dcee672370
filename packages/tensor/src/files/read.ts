import { FileError } from '@lua-webgpu/kernels';
import { type CheckpointEntry, tensorsOfCheckpoint } from './checkpoint.ts';
import type { FileTensor } from './dtype.ts';
import { parsePth } from './pth.ts';
import { parseSafetensors } from './safetensors.ts';
import { sniffFile, wrongKind } from './sniff.ts';

/** The tensors of a weight file, whichever of the two formats it has. */
export interface WeightFile {
  readonly tensors: Map<string, FileTensor>;
  /** Empty for `.pth`. */
  readonly metadata: Map<string, string>;
  readonly format: 'safetensors' | 'pth';
  /** For `.pth`: which part of the checkpoint the tensors come from. */
  readonly entry?: CheckpointEntry;
}

/**
 * As {@link readTensorFile}, for bytes that are already in memory. `source` names them in messages.
 *
 * @throws FileError `safetensors-…`, `pth-…`, or `file-is-…` for a file of another kind.
 */
export function parseTensorFile(bytes: Uint8Array, source: string): WeightFile {
  const sniffed = sniffFile(bytes);
  if (sniffed?.kind === 'zip' || sniffed?.kind === 'pickle' || sniffed?.kind === 'tar') {
    return { ...tensorsOfCheckpoint(parsePth(bytes, source), source), metadata: new Map(), format: 'pth' };
  }
  if (sniffed !== undefined && sniffed.kind !== 'safetensors') {
    throw wrongKind('file', source, 'a safetensors file or a PyTorch checkpoint', sniffed);
  }
  return { ...parseSafetensors(bytes, source), format: 'safetensors' };
}

/**
 * Reads a `.safetensors` or `.pth` file (Node only); the content decides, not the name. The whole file is held in
 * memory and the tensors are views into it.
 *
 * @throws FileError `file-not-found`, `file-unreadable` (a folder, a device, no permission, an I/O error),
 * `file-too-large` when memory does not suffice, and as {@link parseTensorFile}.
 */
export async function readTensorFile(path: string): Promise<WeightFile> {
  return parseTensorFile(await readBytes(path), path);
}

async function readBytes(path: string): Promise<Uint8Array> {
  const { open, stat } = await import('node:fs/promises');
  try {
    // Before open: opening a pipe would wait for its writer.
    const found = await stat(path);
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'not a regular file';
      throw new FileError('file-unreadable', `${path} is ${what}`, 'Pass the path of a weight file.');
    }
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const bytes = allocate(size, path);
    // In parts: one read call returns at most 2 GiB, and may return less than it was asked for.
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(bytes, at, Math.min(size - at, 2 ** 30), at);
      if (bytesRead === 0) return bytes.subarray(0, at);
      at += bytesRead;
    }
    return bytes;
  } catch (error) {
    throw error instanceof FileError ? error : unreadable(path, error);
  }
}

function allocate(size: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new FileError(
      'file-too-large',
      `${path} has ${size} bytes, which do not fit into one array`,
      'Split the weights into smaller files.',
      { cause },
    );
  }
}

function unreadable(path: string, cause: unknown): FileError {
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
