import { FileError } from '@lua-webgpu/kernels';
import {
  bytesPerElement,
  elementCount,
  type FileDtype,
  type FileTensor,
  fileDtypes,
  isFileDtype,
} from './dtype.ts';
import { MAX_HEADER_BYTES, sniffFile, wrongKind } from './sniff.ts';
import { JsonError, JsonNumber, type JsonValue, parseStrictJson } from './strict-json.ts';

/** What a safetensors file holds. The tensors' bytes are views into the bytes that were parsed. */
export interface TensorFile {
  readonly tensors: Map<string, FileTensor>;
  readonly metadata: Map<string, string>;
}

const AGAIN = 'Download or write the file again.';
const REWRITE = 'Write the file again with a current safetensors library.';

/**
 * Reads a safetensors file, strictly: every byte must be accounted for.
 *
 * The format: 8 bytes little-endian header length, that many bytes of JSON, then the tensors' bytes without gaps.
 * `source` names the file in messages. Nothing is copied; the header alone is decoded.
 *
 * @throws FileError with a code `safetensors-…`: `too-short`, `header-too-long` (above 100 MB), `header-past-end`,
 * `not-utf8`, `not-json`, `duplicate-key`, `proto` (a key `__proto__`), `type`, `field`, `dtype`, `integer-too-large`,
 * `integer-negative`, `integer-fractional`, `offsets` (reversed), `size` (bytes and shape disagree), `overlap`, `gap`,
 * `truncated`, `trailing`, and `is-…` for a file of another kind.
 */
export function parseSafetensors(bytes: Uint8Array, source: string): TensorFile {
  const { metadata, spans, dataStart } = parseSafetensorsHeader(bytes, bytes.byteLength, source);
  const tensors = new Map<string, FileTensor>();
  for (const { name, dtype, shape, begin, end } of spans) {
    // Not subarray: a Node Buffer's would be a Buffer again.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + dataStart + begin, end - begin);
    tensors.set(name, { dtype, shape, bytes: view });
  }
  return { tensors, metadata };
}

/** What a safetensors file says about itself. */
export interface SafetensorsHeader {
  readonly metadata: Map<string, string>;
  /** The tensors in the order of the header; offsets count from `dataStart`. */
  readonly spans: readonly Span[];
  readonly dataStart: number;
}

/**
 * As {@link parseSafetensors}, of the header alone.
 *
 * @param bytes the beginning of the file, up to the end of the header at least
 * @param fileBytes size of the whole file
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  fileBytes: number,
  source: string,
): SafetensorsHeader {
  const refuse = (code: string, what: string, fix: string): FileError =>
    new FileError(`safetensors-${code}`, `${source}: ${what}`, fix);

  const sniffed = sniffFile(bytes);
  if (sniffed !== undefined && sniffed.kind !== 'safetensors') {
    throw wrongKind('safetensors', source, 'a safetensors file', sniffed);
  }
  const header = decodeHeader(bytes, fileBytes, refuse);
  const dataStart = 8 + header.byteLength;
  const metadata = new Map<string, string>();
  const spans: Span[] = [];
  for (const [name, value] of header.entries) {
    if (name === '__proto__') throw protoKey(refuse, 'a tensor');
    if (name === '__metadata__') readMetadata(value, metadata, refuse);
    else spans.push(readSpan(name, value, refuse));
  }
  checkLayout(spans, fileBytes - dataStart, refuse);
  return { metadata, spans, dataStart };
}

/** Bytes from the beginning of a file to the end of its safetensors header; more than there are where that is broken. */
export function safetensorsHeaderEnd(bytes: Uint8Array): number {
  if (bytes.byteLength < 8) return 8;
  return 8 + Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
}

type Refuse = (code: string, what: string, fix: string) => FileError;

/** Where a tensor lies. */
export interface Span {
  readonly name: string;
  readonly dtype: FileDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function decodeHeader(
  bytes: Uint8Array,
  fileBytes: number,
  refuse: Refuse,
): { entries: ReadonlyMap<string, JsonValue>; byteLength: number } {
  if (bytes.byteLength < 8) {
    throw refuse('too-short', `${bytes.byteLength} bytes cannot hold the 8 bytes of a header length`, AGAIN);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw refuse(
      'header-too-long',
      `the header would be ${length} bytes long, the format allows ${MAX_HEADER_BYTES}`,
      'Check that this is a safetensors file.',
    );
  }
  const byteLength = Number(length);
  if (byteLength > fileBytes - 8) {
    throw refuse(
      'header-past-end',
      `the header is ${byteLength} bytes long, the file holds ${fileBytes - 8} after the length`,
      AGAIN,
    );
  }
  let text: string;
  try {
    // ignoreBOM keeps a byte order mark, which the check below then refuses.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + 8, byteLength);
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(view);
  } catch {
    throw refuse('not-utf8', 'the header is not UTF-8', AGAIN);
  }
  if (!text.startsWith('{')) throw refuse('not-json', 'the header does not begin with {', AGAIN);
  return { entries: parseHeader(text, refuse), byteLength };
}

function parseHeader(text: string, refuse: Refuse): ReadonlyMap<string, JsonValue> {
  try {
    const value = parseStrictJson(text);
    if (value instanceof Map) return value;
    throw refuse('not-json', 'the header is not a JSON object', AGAIN);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    if (error.kind === 'duplicate-key') throw refuse('duplicate-key', error.message, REWRITE);
    throw refuse('not-json', `the header is not JSON: ${error.message}`, AGAIN);
  }
}

function readMetadata(value: JsonValue, into: Map<string, string>, refuse: Refuse): void {
  if (!(value instanceof Map))
    throw refuse('type', `__metadata__ is ${typeName(value)}, not an object`, REWRITE);
  for (const [key, text] of value) {
    if (key === '__proto__') throw protoKey(refuse, 'a metadata entry');
    if (typeof text !== 'string') {
      throw refuse('type', `the metadata ${quote(key)} is ${typeName(text)}, not a string`, REWRITE);
    }
    into.set(key, text);
  }
}

function readSpan(name: string, value: JsonValue, refuse: Refuse): Span {
  const tensor = `the tensor ${quote(name)}`;
  if (!(value instanceof Map))
    throw refuse('type', `${tensor} is ${typeName(value)}, not an object`, REWRITE);
  for (const key of value.keys()) {
    if (key === '__proto__') throw protoKey(refuse, `a field of ${tensor}`);
    if (key !== 'dtype' && key !== 'shape' && key !== 'data_offsets') {
      throw refuse('field', `${tensor} has a field ${quote(key)}, which the format does not know`, REWRITE);
    }
  }
  const dtype = value.get('dtype');
  if (typeof dtype !== 'string')
    throw refuse('type', `${tensor}: dtype is ${typeName(dtype)}, not a string`, REWRITE);
  if (!isFileDtype(dtype)) {
    throw refuse(
      'dtype',
      `${tensor} has the dtype ${quote(dtype)}`,
      `Convert it to one of ${fileDtypes.join(', ')}.`,
    );
  }
  const shape = integers(value.get('shape'), `${tensor}: shape`, refuse);
  const offsets = integers(value.get('data_offsets'), `${tensor}: data_offsets`, refuse);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2) {
    throw refuse('type', `${tensor}: data_offsets holds ${offsets.length} numbers, not 2`, REWRITE);
  }
  if (begin > end) throw refuse('offsets', `${tensor} begins at ${begin} and ends before, at ${end}`, AGAIN);
  const needed = elementCount(shape) * bytesPerElement(dtype);
  if (needed !== end - begin) {
    throw refuse(
      'size',
      `${tensor}, ${dtype} [${shape.join(', ')}], needs ${needed} bytes and its offsets hold ${end - begin}`,
      AGAIN,
    );
  }
  return { name, dtype, shape, begin, end };
}

function integers(value: JsonValue | undefined, what: string, refuse: Refuse): number[] {
  if (!Array.isArray(value)) throw refuse('type', `${what} is ${typeName(value)}, not an array`, REWRITE);
  return value.map((item: JsonValue) => {
    if (!(item instanceof JsonNumber)) throw refuse('type', `${what} holds ${typeName(item)}`, REWRITE);
    const { text } = item;
    if (text.startsWith('-'))
      throw refuse('integer-negative', `${what} holds the negative number ${text}`, REWRITE);
    if (/[.eE]/.test(text))
      throw refuse('integer-fractional', `${what} holds ${text}, not an integer`, REWRITE);
    const number = Number(text);
    if (!Number.isSafeInteger(number)) {
      throw refuse('integer-too-large', `${what} holds ${text.slice(0, 40)}, beyond 2^53 − 1`, REWRITE);
    }
    return number;
  });
}

/** The tensors must tile the data: no byte unused, none used twice. */
function checkLayout(spans: readonly Span[], available: number, refuse: Refuse): void {
  let cursor = 0;
  let previous = 'the beginning of the data';
  for (const span of [...spans].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const tensor = `the tensor ${quote(span.name)}`;
    if (span.begin > cursor) {
      throw refuse(
        'gap',
        `${span.begin - cursor} bytes lie unused between ${previous} and ${tensor}`,
        REWRITE,
      );
    }
    if (span.begin < cursor) {
      throw refuse(
        'overlap',
        `${tensor} begins ${cursor - span.begin} bytes before the end of ${previous}`,
        REWRITE,
      );
    }
    cursor = span.end;
    previous = tensor;
  }
  if (cursor > available) {
    throw refuse(
      'truncated',
      `the tensors need ${cursor} bytes and the file holds ${available} of them`,
      AGAIN,
    );
  }
  if (cursor < available) {
    throw refuse('trailing', `${available - cursor} bytes follow the last tensor`, AGAIN);
  }
}

function protoKey(refuse: Refuse, what: string): FileError {
  return refuse('proto', `${what} is named __proto__, which can corrupt programs that read it`, 'Rename it.');
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function typeName(value: JsonValue | undefined): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'string') return 'a string';
  if (typeof value === 'boolean') return 'a boolean';
  if (value instanceof JsonNumber) return 'a number';
  return Array.isArray(value) ? 'an array' : 'an object';
}
