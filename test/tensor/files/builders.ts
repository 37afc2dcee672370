/** Builds files byte by byte, right and wrong ones: safetensors, zip archives, pickles, checkpoints. */

import { FileError } from '@lua-webgpu/kernels';
import { type Zippable, zipSync } from 'fflate';
import { expect } from 'vitest';
import { OP } from '../../../packages/tensor/src/files/pickle-opcodes.ts';

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A safetensors file with this header, whatever it says, and `length` in place of the header's true length. */
export function safetensorsFile(
  header: string | Uint8Array,
  data: number | Uint8Array = 0,
  length?: bigint,
): Uint8Array<ArrayBuffer> {
  const bytes = typeof header === 'string' ? utf8(header) : header;
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, length ?? BigInt(bytes.length), true);
  return concat(prefix, bytes, typeof data === 'number' ? new Uint8Array(data) : data);
}

export function zipOf(entries: Readonly<Record<string, Uint8Array>>, level: 0 | 6 = 0): Uint8Array {
  const zippable: Zippable = {};
  for (const [name, bytes] of Object.entries(entries)) zippable[name] = [bytes, { level }];
  return zipSync(zippable);
}

/** A checkpoint as torch.save lays it out, with the given pickle and storages. */
export function checkpoint(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  level: 0 | 6 = 0,
): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes]);
  return zipOf(
    { 'archive/data.pkl': pickle, ...Object.fromEntries(data), 'archive/version': utf8('3\n') },
    level,
  );
}

/** Opcodes that leave one value on the stack. */
export type Code = readonly number[];

/** A whole pickle around `code`. */
export function pickleOf(code: Code, protocol = 2): Uint8Array {
  return Uint8Array.from([OP.PROTO, protocol, ...code, OP.STOP]);
}

function uint32(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255];
}

export const py = {
  str: (text: string): Code => [OP.BINUNICODE, ...uint32(utf8(text).length), ...utf8(text)],
  int: (value: number): Code => [OP.BININT, ...uint32(value)],
  /** A 64-bit integer. */
  long: (value: bigint): Code => [OP.LONG1, 8, ...new Uint8Array(BigInt64Array.of(value).buffer)],
  none: [OP.NONE] as Code,
  no: [OP.NEWFALSE] as Code,
  global: (module: string, name: string): Code => [OP.GLOBAL, ...utf8(`${module}\n${name}\n`)],
  tuple: (...items: readonly Code[]): Code => [OP.MARK, ...items.flat(), OP.TUPLE],
  list: (...items: readonly Code[]): Code => [OP.EMPTY_LIST, OP.MARK, ...items.flat(), OP.APPENDS],
  dict: (...items: readonly (readonly [Code, Code])[]): Code => [
    OP.EMPTY_DICT,
    OP.MARK,
    ...items.flat(2),
    OP.SETITEMS,
  ],
  call: (callee: Code, ...args: readonly Code[]): Code => [...callee, ...py.tuple(...args), OP.REDUCE],
  put: (index: number): Code => [OP.LONG_BINPUT, ...uint32(index)],
  get: (index: number): Code => [OP.LONG_BINGET, ...uint32(index)],
  storage: (type: string, key: string, elements: number, module = 'torch'): Code => [
    ...py.tuple(py.str('storage'), py.global(module, type), py.str(key), py.str('cpu'), py.int(elements)),
    OP.BINPERSID,
  ],
  tensor: (storage: Code, offset: number, shape: readonly number[], strides: readonly number[]): Code =>
    py.call(
      py.global('torch._utils', '_rebuild_tensor_v2'),
      storage,
      py.int(offset),
      py.tuple(...shape.map(py.int)),
      py.tuple(...strides.map(py.int)),
      py.no,
      py.call(py.global('collections', 'OrderedDict')),
    ),
};

/** The FileError that `run` throws; fails for anything else, and for an error without its parts. */
export function refusal(run: () => unknown): FileError {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    expect(error.code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
    expect(error.message.length).toBeGreaterThan(10);
    expect(error.fix).toMatch(/\w.*[.)]$/s);
    return error;
  }
  throw new Error(`nothing was refused; the result is ${String(result)}`);
}
