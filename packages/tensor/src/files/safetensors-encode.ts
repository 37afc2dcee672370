import { FileError } from '@lua-webgpu/kernels';
import { bytesPerElement, describeTensor, elementCount, type FileTensor } from './dtype.ts';
import { MAX_HEADER_BYTES } from './sniff.ts';

/**
 * Writes a safetensors file into one array of bytes.
 *
 * Deterministic: tensors lie widest dtype first, then by name; metadata by key. With the header padded by spaces to a
 * multiple of 8, every tensor lies aligned to its element.
 *
 * @throws FileError `file-too-large` when memory does not suffice, and as {@link safetensorsParts}.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, FileTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const out = allocate(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let position = 0;
  for (const part of parts) {
    out.set(part, position);
    position += part.byteLength;
  }
  return out;
}

/**
 * The bytes that {@link encodeSafetensors} puts into one array, header first; the tensors' are views. For files that
 * need not be in memory a second time.
 *
 * @throws FileError `safetensors-size` when a tensor's bytes and shape disagree, `safetensors-type` for a shape that is
 * not made of non-negative integers, `safetensors-name` for the name `__metadata__` or half of a surrogate pair,
 * `safetensors-proto` for `__proto__`, `safetensors-header-too-long`.
 */
export function safetensorsParts(
  tensors: ReadonlyMap<string, FileTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array[] {
  const ordered = [...tensors].sort(
    ([nameA, a], [nameB, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype) || compare(nameA, nameB),
  );
  const fields: string[] = [];
  if (metadata.size > 0) {
    const entries = [...metadata].sort(([a], [b]) => compare(a, b));
    for (const [key, value] of entries) checkText(key, value);
    fields.push(
      `"__metadata__":{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join()}}`,
    );
  }
  let offset = 0;
  for (const [name, tensor] of ordered) {
    checkTensor(name, tensor);
    const end = offset + tensor.bytes.byteLength;
    const { dtype, shape } = tensor;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const header = new TextEncoder().encode(`{${fields.join()}}`);
  const padded = Math.ceil(header.byteLength / 8) * 8;
  if (padded > MAX_HEADER_BYTES) {
    throw new FileError(
      'safetensors-header-too-long',
      `the header would be ${padded} bytes long, the format allows ${MAX_HEADER_BYTES}`,
      'Write several files, or less metadata.',
    );
  }
  const start = new Uint8Array(8 + padded).fill(0x20, 8 + header.byteLength);
  new DataView(start.buffer).setBigUint64(0, BigInt(padded), true);
  start.set(header, 8);
  return [start, ...ordered.map(([, { bytes }]) => bytes)];
}

function allocate(length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new FileError(
      'file-too-large',
      `a safetensors file of ${length} bytes does not fit into one array`,
      'Write several files.',
      { cause },
    );
  }
}

function checkTensor(name: string, tensor: FileTensor): void {
  checkText(name);
  if (name === '__metadata__') {
    throw new FileError(
      'safetensors-name',
      'a tensor is named __metadata__, which the format reserves',
      'Rename it.',
    );
  }
  if (!tensor.shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new FileError(
      'safetensors-type',
      `the tensor ${JSON.stringify(name)} has the shape [${tensor.shape.join(', ')}]`,
      'Sizes must be integers that are not negative.',
    );
  }
  const needed = elementCount(tensor.shape) * bytesPerElement(tensor.dtype);
  if (needed !== tensor.bytes.byteLength) {
    throw new FileError(
      'safetensors-size',
      `the tensor ${JSON.stringify(name)}, ${describeTensor(tensor)}, needs ${needed} bytes and has ${tensor.bytes.byteLength}`,
      'Give the tensor as many bytes as its shape and dtype need.',
    );
  }
}

function checkText(key: string, value = ''): void {
  if (key === '__proto__') {
    throw new FileError('safetensors-proto', 'a name is __proto__, which readers refuse', 'Rename it.');
  }
  if (/\p{Surrogate}/u.test(key) || /\p{Surrogate}/u.test(value)) {
    throw new FileError(
      'safetensors-name',
      `${JSON.stringify(key)} or its value holds half of a surrogate pair, which UTF-8 cannot express`,
      'Use well-formed text.',
    );
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
