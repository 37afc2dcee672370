/** Every way in which a safetensors file can be wrong, one row each. */
import { describe, expect, it } from 'vitest';
import { parseSafetensors } from '../../packages/tensor/src/files/index.ts';
import { concat, refusal, safetensorsFile, utf8, zipOf } from '../tensor/files/builders.ts';

/** A header with the tensors `t0`, `t1`, … of type U8 at these offsets. */
function spans(...offsets: readonly (readonly [number, number])[]): string {
  const fields = offsets.map(
    ([begin, end], i) => `"t${i}":{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`,
  );
  return `{${fields.join()}}`;
}

/** A header of one tensor with these fields, which lies in 4 bytes of data unless it says otherwise. */
function field(fields: { dtype?: string; shape?: string; data_offsets?: string; more?: string }): Uint8Array {
  const { dtype = '"F32"', shape = '[1]', data_offsets = '[0,4]', more = '' } = fields;
  return safetensorsFile(
    `{"x":{"dtype":${dtype},"shape":${shape},"data_offsets":${data_offsets}${more}}}`,
    4,
  );
}

const brace = utf8('{');
const rows: readonly (readonly [what: string, file: Uint8Array, code: string, says: string])[] = [
  ['an empty file', new Uint8Array(0), 'too-short', '0 bytes'],
  ['seven bytes', new Uint8Array(7), 'too-short', '7 bytes'],
  ['a header of 100,000,001 bytes', safetensorsFile('{}', 0, 100_000_001n), 'header-too-long', '100000001'],
  ['a header of 2^63 bytes', safetensorsFile('{}', 0, 2n ** 63n), 'header-too-long', '9223372036854775808'],
  ['a header longer than the file', safetensorsFile('{}', 0, 3n), 'header-past-end', '3 bytes long'],
  [
    'an allowed header longer than the file',
    safetensorsFile('{}', 0, 100_000_000n),
    'header-past-end',
    '100000000',
  ],

  ['no header', safetensorsFile(''), 'not-json', 'begin with {'],
  [
    'bytes that are not UTF-8',
    safetensorsFile(concat(brace, Uint8Array.of(0x22, 0xff))),
    'not-utf8',
    'UTF-8',
  ],
  [
    'a surrogate in UTF-8',
    safetensorsFile(concat(brace, Uint8Array.of(0xed, 0xa0, 0x80))),
    'not-utf8',
    'UTF-8',
  ],
  ['a cut UTF-8 sequence', safetensorsFile(concat(utf8('{}'), Uint8Array.of(0xc3))), 'not-utf8', 'UTF-8'],
  ['a byte order mark', safetensorsFile('\ufeff{}'), 'not-json', 'begin with {'],
  ['white space in front', safetensorsFile(' {}'), 'not-json', 'begin with {'],
  ['an array', safetensorsFile('[]'), 'not-json', 'begin with {'],
  ['a cut header', safetensorsFile('{"x":'), 'not-json', 'value was expected'],
  ['a trailing comma', safetensorsFile('{"a":1,}'), 'not-json', 'key'],
  ['two objects', safetensorsFile('{}{}'), 'not-json', 'goes on'],
  ['zeros as padding', safetensorsFile('{}\0\0'), 'not-json', 'goes on'],
  ['NaN', safetensorsFile('{"a":NaN}'), 'not-json', 'value was expected'],
  ['a tower of brackets', safetensorsFile(`{"a":${'['.repeat(1e5)}`), 'not-json', 'nested'],
  ['half of a surrogate pair', safetensorsFile('{"\\ud800":1}'), 'not-json', 'surrogate'],

  ['a tensor that is a number', safetensorsFile('{"x":1}'), 'type', '"x" is a number'],
  ['a tensor that is null', safetensorsFile('{"x":null}'), 'type', '"x" is null'],
  ['a tensor that is an array', safetensorsFile('{"x":[]}'), 'type', '"x" is an array'],
  ['an empty tensor object', safetensorsFile('{"x":{}}'), 'type', 'dtype is missing'],
  ['a dtype that is a number', field({ dtype: '4' }), 'type', 'dtype is a number'],
  ['a shape that is a string', field({ shape: '"1"' }), 'type', 'shape is a string'],
  ['a shape that is an object', field({ shape: '{}' }), 'type', 'shape is an object'],
  ['a size that is a string', field({ shape: '["1"]' }), 'type', 'holds a string'],
  ['a size that is a boolean', field({ shape: '[true]' }), 'type', 'holds a boolean'],
  ['an offset that is null', field({ data_offsets: '[0,null]' }), 'type', 'holds null'],
  ['one offset', field({ data_offsets: '[0]' }), 'type', 'holds 1 numbers'],
  ['three offsets', field({ data_offsets: '[0,4,4]' }), 'type', 'holds 3 numbers'],
  ['metadata that is a string', safetensorsFile('{"__metadata__":""}'), 'type', '__metadata__ is a string'],
  [
    'a metadata value that is a number',
    safetensorsFile('{"__metadata__":{"a":1}}'),
    'type',
    '"a" is a number',
  ],
  ['a field beyond the format', field({ more: ',"strides":[1]' }), 'field', '"strides"'],

  ['an unknown dtype', field({ dtype: '"F8_E4M3"' }), 'dtype', '"F8_E4M3"'],
  ['a dtype in lower case', field({ dtype: '"f32"' }), 'dtype', '"f32"'],
  ['a dtype by an inherited name', field({ dtype: '"constructor"' }), 'dtype', '"constructor"'],

  [
    'a tensor twice',
    safetensorsFile(`{${spans([0, 4]).slice(1, -1)},${spans([0, 4]).slice(1)}`, 4),
    'duplicate-key',
    '"t0"',
  ],
  ['a field twice', field({ more: ',"shape":[1]' }), 'duplicate-key', '"shape"'],
  ['a metadata key twice', safetensorsFile('{"__metadata__":{"a":"","a":""}}'), 'duplicate-key', '"a"'],
  [
    'metadata twice',
    safetensorsFile('{"__metadata__":{},"__metadata__":{}}'),
    'duplicate-key',
    '__metadata__',
  ],
  [
    'a key twice, once escaped',
    safetensorsFile('{"__metadata__":{"a":"","\\u0061":""}}'),
    'duplicate-key',
    '"a"',
  ],
  [
    'a tensor __proto__',
    safetensorsFile('{"__proto__":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    'proto',
    '__proto__',
  ],
  ['metadata __proto__', safetensorsFile('{"__metadata__":{"__proto__":"x"}}'), 'proto', '__proto__'],
  ['a field __proto__', field({ more: ',"__proto__":{}' }), 'proto', '__proto__'],

  ['2^53 as a size', field({ shape: '[9007199254740992]' }), 'integer-too-large', '9007199254740992'],
  [
    '2^53 + 1 as an offset',
    field({ data_offsets: '[0,9007199254740993]' }),
    'integer-too-large',
    '9007199254740993',
  ],
  ['an integer of 1,000 digits', field({ shape: `[${'9'.repeat(1000)}]` }), 'integer-too-large', '999'],
  ['a negative size', field({ shape: '[-1]' }), 'integer-negative', '-1'],
  ['a negative offset', field({ data_offsets: '[-4,0]' }), 'integer-negative', '-4'],
  ['minus zero', field({ data_offsets: '[-0,4]' }), 'integer-negative', '-0'],
  ['a fraction', field({ shape: '[1.5]' }), 'integer-fractional', '1.5'],
  ['a whole number written as a fraction', field({ shape: '[1.0]' }), 'integer-fractional', '1.0'],
  ['an exponent', field({ data_offsets: '[0,4e0]' }), 'integer-fractional', '4e0'],

  ['reversed offsets', field({ data_offsets: '[4,0]' }), 'offsets', 'begins at 4'],
  ['fewer bytes than the shape needs', field({ shape: '[2]' }), 'size', 'needs 8 bytes'],
  ['more bytes than the shape needs', field({ dtype: '"F16"' }), 'size', 'needs 2 bytes'],
  ['bytes for a zero-size tensor', field({ shape: '[0,3]' }), 'size', 'needs 0 bytes'],
  [
    'a shape whose product overflows',
    field({ shape: '[4294967296,4294967296,4294967296]' }),
    'size',
    'needs',
  ],
  [
    'a product that is 4 modulo 2^64',
    field({ dtype: '"U8"', shape: '[968973220,19037413721]' }),
    'size',
    'needs',
  ],
  ['a gap in front', safetensorsFile(spans([1, 4]), 4), 'gap', '1 bytes lie unused'],
  ['a gap in between', safetensorsFile(spans([3, 6], [0, 2]), 6), 'gap', '"t0"'],
  ['a partial overlap', safetensorsFile(spans([0, 4], [3, 6]), 6), 'overlap', '"t1"'],
  ['two tensors on the same bytes', safetensorsFile(spans([0, 4], [0, 4]), 4), 'overlap', '"t1"'],
  ['one tensor inside another', safetensorsFile(spans([0, 8], [2, 4]), 8), 'overlap', '"t1"'],
  ['an empty tensor inside another', safetensorsFile(spans([0, 8], [4, 4]), 8), 'overlap', '"t1"'],
  ['truncated data', safetensorsFile(spans([0, 4], [4, 8]), 7), 'truncated', '8 bytes'],
  ['no data at all', safetensorsFile(spans([0, 4])), 'truncated', 'holds 0'],
  ['a byte after the last tensor', safetensorsFile(spans([0, 4]), 5), 'trailing', '1 bytes'],
  ['data without tensors', safetensorsFile('{}', 8), 'trailing', '8 bytes'],

  ['a .pth', zipOf({ 'archive/data.pkl': utf8('x') }), 'is-zip', 'PyTorch'],
  [
    'an old .pth',
    Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20),
    'is-pickle',
    'pickle',
  ],
  ['HTML', utf8('\n<!DOCTYPE html><html><head><title>Sign in</title></head></html>'), 'is-html', 'HTML'],
  ['short HTML', utf8('<html>'), 'is-html', 'HTML'],
  ['XML', utf8('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), 'is-html', 'XML'],
  ['a PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13), 'is-image', 'PNG'],
  ['a JPEG', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46), 'is-image', 'JPEG'],
  ['a GIF', utf8('GIF89a\x01\0\x01\0'), 'is-image', 'GIF'],
  ['a TIFF', utf8('II*\0\x08\0\0\0\0\0'), 'is-image', 'TIFF'],
  ['a TIFF of the other byte order', utf8('MM\0*\0\0\0\x08\0\0'), 'is-image', 'TIFF'],
  ['an AVIF', utf8('\0\0\0\x1cftypavif\0\0\0\0'), 'is-image', 'AVIF'],
  ['a WebP', concat(utf8('RIFF'), Uint8Array.of(36, 0, 0, 0), utf8('WEBPVP8 ')), 'is-image', 'WebP'],
  ['a GGUF model', concat(utf8('GGUF'), Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0)), 'is-gguf', 'GGUF'],
  [
    'a Git LFS pointer',
    utf8('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614\nsize 12345\n'),
    'is-lfs-pointer',
    'Git LFS',
  ],
  ['a JSON configuration', utf8('{\n  "in_chans": 16\n}\n'), 'is-json', 'JSON'],
  ['a NumPy array', concat(Uint8Array.of(0x93), utf8('NUMPY\x01\0v\0{')), 'is-numpy', 'NumPy'],
  ['an HDF5 file', Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0), 'is-hdf5', 'HDF5'],
  ['gzip data', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), 'is-gzip', 'gzip'],
];

describe('a safetensors file is refused for', () => {
  it.each(rows)('%s', (_, file, code, says) => {
    const error = refusal(() => parseSafetensors(file, 'weights.bin'));
    expect(error.code).toBe(`safetensors-${code}`);
    expect(error.message).toMatch(/^weights\.bin: /);
    expect(error.message).toContain(says);
  });

  it('nothing that reaches a prototype', () => {
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
