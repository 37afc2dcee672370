import { bytesPerElement, elementCount, type FileDtype, type FileTensor } from './dtype.ts';
import { type PthRefusal, RESAVE } from './pth-refusal.ts';
import { isContiguous, makeContiguous, stridedExtent } from './strides.ts';
import {
  PickleDict,
  type PickleEnvironment,
  PickleGlobal,
  PickleOpaque,
  PickleTuple,
  type PickleValue,
} from './unpickle.ts';

/** The storage classes of PyTorch that have a counterpart among the file dtypes. */
const STORAGES: ReadonlyMap<string, FileDtype> = new Map([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
  ['torch.UntypedStorage', 'U8'],
  ['torch.storage.UntypedStorage', 'U8'],
]);

/** The dtypes that `_rebuild_tensor_v3` names beside an untyped storage. */
const DTYPES: ReadonlyMap<string, FileDtype> = new Map([
  ['torch.float64', 'F64'],
  ['torch.float32', 'F32'],
  ['torch.float16', 'F16'],
  ['torch.bfloat16', 'BF16'],
  ['torch.int64', 'I64'],
  ['torch.int32', 'I32'],
  ['torch.int16', 'I16'],
  ['torch.int8', 'I8'],
  ['torch.uint64', 'U64'],
  ['torch.uint32', 'U32'],
  ['torch.uint16', 'U16'],
  ['torch.uint8', 'U8'],
  ['torch.bool', 'BOOL'],
]);

const ORDERED_DICT = 'collections.OrderedDict';
const SIZE = 'torch.Size';
const TENSOR_V2 = 'torch._utils._rebuild_tensor_v2';
const TENSOR_V3 = 'torch._utils._rebuild_tensor_v3';
const PARAMETER = 'torch._utils._rebuild_parameter';
const FUNCTIONS: ReadonlySet<string> = new Set([ORDERED_DICT, SIZE, TENSOR_V2, TENSOR_V3, PARAMETER]);

/** PyTorch's own limit, and what bounds the work of one call. */
const MAX_RANK = 64;

/** A tensor on the unpickler's stack. */
export class TorchTensor extends PickleOpaque {
  readonly description = 'a tensor';
  readonly tensor: FileTensor;

  constructor(tensor: FileTensor) {
    super();
    this.tensor = tensor;
  }
}

/** A storage that a persistent id refers to: `elements` of `dtype` in the archive's entry `data/<key>`. */
class TorchStorage extends PickleOpaque {
  readonly description = 'a bare storage';
  readonly dtype: FileDtype;
  readonly key: string;
  readonly elements: number;

  constructor(dtype: FileDtype, key: string, elements: number) {
    super();
    this.dtype = dtype;
    this.key = key;
    this.elements = elements;
  }
}

/**
 * The part of PyTorch that a checkpoint of tensors needs: storages, `_rebuild_tensor_v2` and `_v3`,
 * `_rebuild_parameter`, `torch.Size` and `collections.OrderedDict`. Contiguous tensors are views of their storage.
 *
 * `readStorage` gives the bytes of `data/<key>`; `reserve` is asked before memory is taken for a tensor that has to be
 * made contiguous.
 */
export function torchEnvironment(
  readStorage: (key: string) => Uint8Array,
  reserve: (bytes: number) => void,
  refuse: PthRefusal,
): PickleEnvironment {
  const loaded = new Map<string, Uint8Array>();
  const bytesOf = (key: string): Uint8Array => {
    const bytes = loaded.get(key) ?? readStorage(key);
    loaded.set(key, bytes);
    return bytes;
  };
  const wrongCall = (callee: string, what: string): Error =>
    refuse('call', `${callee} is called with ${what}`, RESAVE);

  function rebuildTensor(callee: string, args: readonly PickleValue[]): TorchTensor {
    const [storage, offset, size, stride, , , ...rest] = args;
    if (!(storage instanceof TorchStorage)) throw wrongCall(callee, 'something that is not a storage');
    let { dtype } = storage;
    if (callee === TENSOR_V3) {
      const named = rest.shift();
      const given = named instanceof PickleGlobal ? DTYPES.get(named.path) : undefined;
      if (given === undefined) throw wrongCall(callee, 'something that is not a dtype');
      dtype = given;
    }
    // Metadata marks lazily conjugated or negated tensors, whose bytes are not their values.
    const [metadata = null, ...more] = rest;
    const plain = metadata === null || (metadata instanceof PickleDict && metadata.entries.size === 0);
    if (more.length > 0 || !plain || args.length < 6) throw wrongCall(callee, 'arguments that are not known');
    const shape = naturals(size, callee);
    const strides = naturals(stride, callee);
    if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
      throw wrongCall(callee, 'a storage offset that is not a natural number');
    }
    if (shape.length !== strides.length)
      throw wrongCall(callee, `${shape.length} sizes and ${strides.length} strides`);
    return new TorchTensor(cut(storage, dtype, offset, shape, strides));
  }

  function naturals(value: PickleValue | undefined, callee: string): number[] {
    if (!(value instanceof PickleTuple)) throw wrongCall(callee, 'sizes or strides that are not a tuple');
    if (value.items.length > MAX_RANK) throw wrongCall(callee, `${value.items.length} dimensions`);
    return value.items.map((item) => {
      if (typeof item === 'number' && Number.isSafeInteger(item) && item >= 0) return item;
      throw refuse('stride', `a tensor has the size or stride ${String(item)}`, RESAVE);
    });
  }

  function cut(
    storage: TorchStorage,
    dtype: FileDtype,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ): FileTensor {
    const width = bytesPerElement(dtype);
    const available = storage.elements * bytesPerElement(storage.dtype);
    const end = (offset + stridedExtent(shape, strides)) * width;
    const list = (values: readonly number[]): string => `[${values.join(', ').slice(0, 100)}]`;
    const tensor = `a ${dtype} tensor ${list(shape)} with the strides ${list(strides)} and offset ${offset}`;
    if (end > available) {
      throw refuse(
        'stride',
        `${tensor} reaches byte ${end} of the storage ${JSON.stringify(storage.key.slice(0, 100))}, which has ${available}`,
        'Download the file again, or save it again with PyTorch.',
      );
    }
    const count = elementCount(shape);
    if (count === 0) return { dtype, shape, bytes: new Uint8Array(0) };
    const bytes = bytesOf(storage.key);
    if (bytes.length !== available) {
      throw refuse(
        'storage',
        `the storage ${JSON.stringify(storage.key.slice(0, 100))} should have ${available} bytes and has ${bytes.length}`,
        'Download the file again.',
      );
    }
    if (isContiguous(shape, strides)) {
      const start = bytes.byteOffset + offset * width;
      return { dtype, shape, bytes: new Uint8Array(bytes.buffer, start, count * width) };
    }
    reserve(count * width);
    return { dtype, shape, bytes: makeContiguous(bytes, width, offset, shape, strides) };
  }

  return {
    global(module, name) {
      const path = `${module}.${name}`;
      if (STORAGES.has(path) || DTYPES.has(path) || FUNCTIONS.has(path)) return new PickleGlobal(path);
      throw refuse(
        'global',
        `the pickle refers to ${JSON.stringify(path.slice(0, 200))}, which could run code; only tensors and plain containers are read`,
        RESAVE,
      );
    },
    call({ path }, args) {
      if (path === TENSOR_V2 || path === TENSOR_V3) return rebuildTensor(path, args);
      if (path === PARAMETER) {
        const [data] = args;
        if (!(data instanceof TorchTensor) || args.length !== 3)
          throw wrongCall(path, 'arguments that are not known');
        return data;
      }
      if (path === SIZE) {
        const [sizes] = args;
        if (!(sizes instanceof PickleTuple) || args.length !== 1)
          throw wrongCall(path, 'something that is not a tuple');
        return sizes;
      }
      if (path === ORDERED_DICT) {
        if (args.length !== 0) throw wrongCall(path, 'initial items');
        return new PickleDict(true);
      }
      throw refuse('global', `the pickle calls ${path}, which is not a function that is known here`, RESAVE);
    },
    persistent(id) {
      const [tag, type, key, location, elements] = id instanceof PickleTuple ? id.items : [];
      const dtype = type instanceof PickleGlobal ? STORAGES.get(type.path) : undefined;
      if (
        tag !== 'storage' ||
        dtype === undefined ||
        typeof key !== 'string' ||
        typeof location !== 'string' ||
        typeof elements !== 'number' ||
        !Number.isSafeInteger(elements) ||
        elements < 0
      ) {
        throw refuse(
          'storage',
          'the pickle refers to something outside itself that is not a storage',
          RESAVE,
        );
      }
      return new TorchStorage(dtype, key, elements);
    },
  };
}
