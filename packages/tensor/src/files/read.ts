import { readFileBytes } from './bytes.ts';
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
 * @throws FileError as {@link readFileBytes} and {@link parseTensorFile}.
 */
export async function readTensorFile(path: string): Promise<WeightFile> {
  return parseTensorFile(await readFileBytes(path), path);
}
