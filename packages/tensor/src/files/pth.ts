import type { FileTensor } from './dtype.ts';
import { type PthRefusal, pthRefusal, RESAVE } from './pth-refusal.ts';
import { sniffFile, wrongKind } from './sniff.ts';
import { TorchTensor, torchEnvironment } from './torch-pickle.ts';
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleOpaque,
  PickleTuple,
  type PickleValue,
  unpickle,
} from './unpickle.ts';
import { openZip, type ZipArchive } from './zip.ts';

/**
 * What a `.pth` holds: dicts as Maps (integer keys as decimal text), lists, tuples and `torch.Size` as arrays, integers
 * beyond ±(2^53 − 1) as bigint, tensors and parameters as {@link FileTensor}. Values that the file shares are shared.
 */
export type PthValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | FileTensor
  | readonly PthValue[]
  | ReadonlyMap<string, PthValue>;

const MAX_PICKLE_BYTES = 32 * 2 ** 20;
const MAX_DEPTH = 100;
/** Of the value written out as a tree; sharing lets a small pickle stand for an enormous one. */
const MAX_NODES = 10_000_000;

/**
 * Reads a PyTorch checkpoint (`torch.save`, PyTorch 1.6 and later) without running anything that is in it.
 *
 * Contiguous tensors are views into `bytes`; others are copied into row-major order. `source` names the file in messages.
 *
 * @throws FileError with a code `pth-…`: `is-…` (a file of another kind), `legacy` (PyTorch before 1.6), `truncated`,
 * `zip`, `corrupt`, `not-checkpoint` (a zip without `data.pkl`), `torchscript`, `byteorder`, `global` and `opcode`
 * (named), `pickle` (damaged), `call`, `storage`, `stride`, `value`, `key`, `cycle`, `too-deep`, `too-large`.
 */
export function parsePth(bytes: Uint8Array, source: string): PthValue {
  const refuse = pthRefusal(source);
  const sniffed = sniffFile(bytes);
  if (sniffed?.kind === 'pickle' || sniffed?.kind === 'tar') {
    throw refuse(
      'legacy',
      `this is ${sniffed.description}; only the zip format of PyTorch 1.6 and later is read`,
      "Save it again with a current PyTorch: torch.save(torch.load('old.pth', map_location='cpu'), 'new.pth').",
    );
  }
  if (sniffed !== undefined && sniffed.kind !== 'zip') {
    throw wrongKind('pth', source, 'a PyTorch checkpoint', sniffed);
  }
  if (sniffed === undefined) {
    throw refuse(
      'not-zip',
      'this is not a zip archive, which a PyTorch checkpoint is',
      'Download the file again.',
    );
  }
  const reserve = memoryBudget(bytes.byteLength, refuse);
  const archive = openZip(bytes, refuse, reserve);
  const root = findRoot(archive, refuse);
  const pickle = archive.read(`${root}data.pkl`);
  if (pickle.byteLength > MAX_PICKLE_BYTES) {
    throw refuse(
      'too-large',
      `the pickle has ${pickle.byteLength} bytes, more than ${MAX_PICKLE_BYTES}`,
      RESAVE,
    );
  }
  const readStorage = (key: string): Uint8Array => archive.read(`${root}data/${key}`);
  const value = unpickle(pickle, torchEnvironment(readStorage, reserve, refuse), refuse);
  return new Converter(refuse).convert(value, 0).value;
}

/** Memory beyond the file itself: for deflated entries and for tensors that are made contiguous. */
function memoryBudget(fileBytes: number, refuse: PthRefusal): (bytes: number) => void {
  const limit = 8 * fileBytes + 64 * 2 ** 20;
  let used = 0;
  return (bytes) => {
    used += bytes;
    if (used <= limit) return;
    throw refuse('too-large', `a file of ${fileBytes} bytes unfolds to more than ${limit} bytes`, RESAVE);
  };
}

/** The archive's folder: `<name>/data.pkl` beside `<name>/data/0`. */
function findRoot(archive: ZipArchive, refuse: PthRefusal): string {
  const roots = archive.names.flatMap((name) => /^([^/]*\/)?data\.pkl$/.exec(name)?.[1] ?? []);
  const [root] = roots;
  if (root === undefined || roots.length > 1) {
    throw refuse(
      'not-checkpoint',
      `the zip archive has ${roots.length} entries data.pkl; a PyTorch checkpoint has one`,
      'Pass a file that torch.save wrote.',
    );
  }
  if (archive.has(`${root}constants.pkl`)) {
    throw refuse('torchscript', 'this is a TorchScript archive, which holds a program', RESAVE);
  }
  if (archive.has(`${root}byteorder`)) {
    const order = new TextDecoder().decode(archive.read(`${root}byteorder`));
    if (order.trim() !== 'little') {
      throw refuse(
        'byteorder',
        `its byte order is ${JSON.stringify(order.slice(0, 20))}, not little`,
        RESAVE,
      );
    }
  }
  return root;
}

interface Converted {
  readonly value: PthValue;
  readonly nodes: number;
}

/** Turns the unpickler's containers into plain ones, each once, and refuses cycles and towers. */
class Converter {
  private readonly refuse: PthRefusal;
  private readonly done = new Map<PickleValue, Converted>();
  private readonly open = new Set<PickleValue>();

  constructor(refuse: PthRefusal) {
    this.refuse = refuse;
  }

  convert(value: PickleValue, depth: number): Converted {
    if (value instanceof TorchTensor) return { value: value.tensor, nodes: 1 };
    if (value instanceof PickleGlobal || value instanceof PickleOpaque) {
      const what = value instanceof PickleGlobal ? value.path : value.description;
      throw this.refuse('value', `the checkpoint holds ${what} as a value`, RESAVE);
    }
    if (!(value instanceof PickleDict || value instanceof PickleList || value instanceof PickleTuple)) {
      return { value, nodes: 1 };
    }
    const known = this.done.get(value);
    if (known !== undefined) return known;
    if (this.open.has(value))
      throw this.refuse('cycle', 'the checkpoint holds a container that holds itself', RESAVE);
    if (depth > MAX_DEPTH)
      throw this.refuse('too-deep', `its containers are nested deeper than ${MAX_DEPTH}`, RESAVE);
    this.open.add(value);
    const converted = value instanceof PickleDict ? this.dict(value, depth) : this.array(value.items, depth);
    this.open.delete(value);
    if (converted.nodes > MAX_NODES) {
      throw this.refuse('too-large', `the checkpoint unfolds to more than ${MAX_NODES} values`, RESAVE);
    }
    this.done.set(value, converted);
    return converted;
  }

  private array(items: readonly PickleValue[], depth: number): Converted {
    let nodes = 1;
    const value = items.map((item) => {
      const converted = this.convert(item, depth + 1);
      nodes += converted.nodes;
      return converted.value;
    });
    return { value, nodes };
  }

  private dict(dict: PickleDict, depth: number): Converted {
    let nodes = 1;
    const value = new Map<string, PthValue>();
    for (const [key, item] of dict.entries) {
      const name = this.key(key);
      if (value.has(name))
        throw this.refuse('key', `a dict has both the text and the number ${name} as keys`, RESAVE);
      const converted = this.convert(item, depth + 1);
      nodes += converted.nodes;
      value.set(name, converted.value);
    }
    return { value, nodes };
  }

  private key(key: PickleValue): string {
    if (typeof key === 'string') return key;
    if (typeof key === 'bigint' || (typeof key === 'number' && Number.isInteger(key))) return String(key);
    throw this.refuse('key', 'a dict has a key that is neither text nor an integer', RESAVE);
  }
}
