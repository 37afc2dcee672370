import { inflateSync } from 'fflate';
import { crc32 } from './crc32.ts';
import type { PthRefusal } from './pth-refusal.ts';

/** A zip archive in memory, read through its central directory. */
export interface ZipArchive {
  readonly names: readonly string[];
  has(name: string): boolean;
  /** An entry's bytes: a view for a stored entry, a copy for a deflated one. The checksum is verified. */
  read(name: string): Uint8Array;
}

interface Entry {
  readonly method: number;
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  readonly localHeader: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** Deflate cannot do better than 258 bytes in 2 bits. */
const MAX_DEFLATE_RATIO = 1032;
const AGAIN = 'Download the file again.';

/**
 * Opens a zip archive, with zip64 sizes, without touching its entries. fflate inflates deflated entries but is not given
 * the archive: it would copy each of PyTorch's stored entries.
 *
 * `reserve` is asked before memory for a deflated entry is taken, so that a bomb is refused before it is inflated.
 *
 * @throws what `refuse` makes, with the codes `truncated`, `zip`, `corrupt` (checksum or deflate data).
 */
export function openZip(bytes: Uint8Array, refuse: PthRefusal, reserve: (bytes: number) => void): ZipArchive {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = findDirectory(view, refuse);
  const entries = readDirectory(view, directory, refuse);
  return {
    names: [...entries.keys()],
    has: (name) => entries.has(name),
    read: (name) => {
      const entry = entries.get(name);
      if (entry === undefined) throw refuse('zip', `the archive has no entry ${quote(name)}`, AGAIN);
      return readEntry(view, name, entry, directory.start, refuse, reserve);
    },
  };
}

interface Directory {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

function findDirectory(view: DataView, refuse: PthRefusal): Directory {
  const lowest = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= lowest; at--) {
    if (view.getUint32(at, true) !== END || at + 22 + view.getUint16(at + 20, true) !== view.byteLength)
      continue;
    const locator = at - 20;
    if (locator >= 0 && view.getUint32(locator, true) === END_64_LOCATOR) {
      const end64 = uint64(view, locator + 8, refuse);
      if (end64 + 56 > locator || view.getUint32(end64, true) !== END_64) {
        throw refuse('zip', 'the zip64 end record is not where its locator says', AGAIN);
      }
      const count = uint64(view, end64 + 32, refuse);
      return directory(
        uint64(view, end64 + 48, refuse),
        uint64(view, end64 + 40, refuse),
        count,
        end64,
        refuse,
      );
    }
    const count = view.getUint16(at + 10, true);
    return directory(view.getUint32(at + 16, true), view.getUint32(at + 12, true), count, at, refuse);
  }
  throw refuse('truncated', 'the archive has no central directory: its end is missing', AGAIN);
}

function directory(start: number, size: number, count: number, limit: number, refuse: PthRefusal): Directory {
  if (start + size > limit || count * 46 > size) {
    throw refuse('zip', `a central directory of ${count} entries does not fit at byte ${start}`, AGAIN);
  }
  return { start, end: start + size, count };
}

function readDirectory(
  view: DataView,
  { start, end, count }: Directory,
  refuse: PthRefusal,
): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) {
      throw refuse('zip', `entry ${i} of the central directory is damaged`, AGAIN);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > end) throw refuse('zip', `entry ${i} of the central directory is damaged`, AGAIN);
    const name = decodeName(view, at + 46, nameLength, refuse);
    if (entries.has(name)) throw refuse('zip', `the entry ${quote(name)} occurs twice`, AGAIN);
    if ((view.getUint16(at + 8, true) & 1) !== 0) {
      throw refuse('zip', `the entry ${quote(name)} is encrypted`, 'Save the checkpoint without encryption.');
    }
    entries.set(name, readCentralEntry(view, at, at + 46 + nameLength, extraLength, name, refuse));
    at = next;
  }
  return entries;
}

function decodeName(view: DataView, at: number, length: number, refuse: PthRefusal): string {
  try {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse('zip', 'the name of an entry is not UTF-8', AGAIN);
  }
}

/** Sizes and offset of one entry; fields of 0xffffffff stand in the zip64 extra field (id 1), in this order. */
function readCentralEntry(
  view: DataView,
  at: number,
  extraStart: number,
  extraLength: number,
  name: string,
  refuse: PthRefusal,
): Entry {
  const fields = [
    view.getUint32(at + 24, true),
    view.getUint32(at + 20, true),
    view.getUint32(at + 42, true),
  ] as const;
  let [size, packedSize, localHeader] = fields;
  if (fields.includes(0xffffffff)) {
    let wide = findExtra(view, extraStart, extraLength);
    const take = (): number => {
      if (wide === undefined || wide.at + 8 > wide.end) {
        throw refuse('zip', `the entry ${quote(name)} lacks its zip64 sizes`, AGAIN);
      }
      const value = uint64(view, wide.at, refuse);
      wide = { at: wide.at + 8, end: wide.end };
      return value;
    };
    if (size === 0xffffffff) size = take();
    if (packedSize === 0xffffffff) packedSize = take();
    if (localHeader === 0xffffffff) localHeader = take();
  }
  return {
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packedSize,
    size,
    localHeader,
  };
}

function findExtra(view: DataView, start: number, length: number): { at: number; end: number } | undefined {
  const end = start + length;
  for (let at = start; at + 4 <= end; ) {
    const fieldEnd = at + 4 + view.getUint16(at + 2, true);
    if (fieldEnd > end) return undefined;
    if (view.getUint16(at, true) === 1) return { at: at + 4, end: fieldEnd };
    at = fieldEnd;
  }
  return undefined;
}

function readEntry(
  view: DataView,
  name: string,
  entry: Entry,
  dataLimit: number,
  refuse: PthRefusal,
  reserve: (bytes: number) => void,
): Uint8Array {
  const { localHeader, packedSize, size, method } = entry;
  if (localHeader + 30 > dataLimit || view.getUint32(localHeader, true) !== LOCAL) {
    throw refuse('zip', `the entry ${quote(name)} does not begin where the directory says`, AGAIN);
  }
  const start =
    localHeader + 30 + view.getUint16(localHeader + 26, true) + view.getUint16(localHeader + 28, true);
  if (start + packedSize > dataLimit) {
    throw refuse('zip', `the entry ${quote(name)} runs into the central directory`, AGAIN);
  }
  const packed = new Uint8Array(view.buffer, view.byteOffset + start, packedSize);
  let bytes = packed;
  if (method === 8) {
    if (size > MAX_DEFLATE_RATIO * packedSize) {
      throw refuse('corrupt', `the entry ${quote(name)} claims ${size} bytes out of ${packedSize}`, AGAIN);
    }
    reserve(size);
    bytes = inflate(packed, name, size, refuse);
  } else if (method !== 0) {
    throw refuse(
      'zip',
      `the entry ${quote(name)} uses compression method ${method}`,
      'Repack it stored or deflated.',
    );
  }
  if (bytes.length !== size) {
    throw refuse(
      'corrupt',
      `the entry ${quote(name)} should have ${size} bytes and has ${bytes.length}`,
      AGAIN,
    );
  }
  if (crc32(bytes) !== entry.crc) {
    throw refuse(
      'corrupt',
      `the checksum of the entry ${quote(name)} does not match its bytes`,
      'Download the file again; if PyTorch wrote it with set_crc32_options(False), save it once more with True.',
    );
  }
  return bytes;
}

function inflate(
  packed: Uint8Array,
  name: string,
  size: number,
  refuse: PthRefusal,
): Uint8Array<ArrayBuffer> {
  try {
    // One byte more than declared, so that an entry which is longer than it says shows.
    const out = inflateSync(packed, { out: new Uint8Array(size + 1) });
    return new Uint8Array(out.buffer as ArrayBuffer, out.byteOffset, out.byteLength);
  } catch (cause) {
    throw refuse('corrupt', `the entry ${quote(name)} cannot be inflated: ${String(cause)}`, AGAIN);
  }
}

function uint64(view: DataView, at: number, refuse: PthRefusal): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw refuse('zip', 'a zip64 size is beyond 2^53', AGAIN);
  return value;
}

function quote(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
