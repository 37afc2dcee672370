import { FileError } from '@lua-webgpu/kernels';
import { readFileBytes, readFileStart } from './bytes.ts';
import { type CheckpointEntry, tensorsOfCheckpoint } from './checkpoint.ts';
import type { FileTensor } from './dtype.ts';
import { parsePth } from './pth.ts';
import { parseSafetensors } from './safetensors.ts';
import { SafetensorsReader } from './safetensors-reader.ts';
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

/** The names, dtypes and shapes of a weight file, whose values are read when they are asked for. */
export interface WeightIndex {
  readonly entries: ReadonlyMap<string, Omit<FileTensor, 'bytes'>>;
  /** Empty for `.pth`. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly format: 'safetensors' | 'pth';
  /** Reads the tensors of these names, which have to be among the entries. @throws FileError as `readTensorFile` */
  read(names: Iterable<string>): Promise<Map<string, FileTensor>>;
}

/**
 * As {@link readTensorFile}, for a few tensors of a large file: of safetensors the header alone is read at first, and of
 * the rest what is asked for. A `.pth` file is read whole.
 */
export async function indexTensorFile(path: string): Promise<WeightIndex> {
  const kind = sniffFile(await readFileStart(path, 512))?.kind;
  if (kind !== undefined && kind !== 'safetensors') {
    const { tensors, metadata, format } = await readTensorFile(path);
    return {
      entries: tensors,
      metadata,
      format,
      read: async (names) => new Map(Array.from(names, (name) => [name, present(tensors, name, path)])),
    };
  }
  await using reader = await SafetensorsReader.open(path);
  const { tensors: entries, metadata } = reader;
  return {
    entries,
    metadata,
    format: 'safetensors',
    async read(names) {
      await using again = await SafetensorsReader.open(path);
      const tensors = new Map<string, FileTensor>();
      for (const name of names) {
        present(again.tensors, name, path);
        tensors.set(name, await again.readWhole(name));
      }
      return tensors;
    },
  };
}

function present<T>(entries: ReadonlyMap<string, T>, name: string, path: string): T {
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  throw new FileError('file-tensor-missing', `${path} has no tensor ${name}`, 'Ask for one of its entries.');
}
