/** safetensors in both directions: what is accepted, what is written, and that nothing escapes as another error. */

import { FileError } from '@lua-webgpu/kernels';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesPerElement,
  elementCount,
  encodeSafetensors,
  type FileTensor,
  fileDtypes,
  fromFloat32,
  parseSafetensors,
} from '../../../packages/tensor/src/files/index.ts';
import { refusal, safetensorsFile } from './builders.ts';

const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 });
const tensor = fc.tuple(fc.constantFrom(...fileDtypes), shape).chain(([dtype, sizes]) => {
  const length = elementCount(sizes) * bytesPerElement(dtype);
  return fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((bytes): FileTensor => ({ dtype, shape: sizes, bytes }));
});
const name = fc
  .string({ unit: 'grapheme' })
  .filter((text) => text !== '__metadata__' && text !== '__proto__');
const tensors = fc.array(fc.tuple(name, tensor), { maxLength: 6 }).map((pairs) => new Map(pairs));
const metadata = fc
  .array(fc.tuple(name, fc.string({ unit: 'grapheme' })), { maxLength: 3 })
  .map((pairs) => new Map(pairs));

describe('encode and parse', () => {
  it('are inverse', () => {
    fc.assert(
      fc.property(tensors, metadata, (given, notes) => {
        const parsed = parseSafetensors(encodeSafetensors(given, notes), 'round trip');
        expect(parsed.metadata).toEqual(notes);
        expect(parsed.tensors).toEqual(given);
      }),
    );
  });

  it('write the same bytes in whatever order the tensors come, each aligned to its element', () => {
    fc.assert(
      fc.property(tensors, metadata, (given, notes) => {
        const bytes = encodeSafetensors(given, notes);
        const reversed = encodeSafetensors(new Map([...given].reverse()), new Map([...notes].reverse()));
        expect(reversed).toEqual(bytes);
        for (const { dtype, bytes: view } of parseSafetensors(bytes, 'aligned').tensors.values()) {
          expect(view.byteOffset % bytesPerElement(dtype)).toBe(0);
        }
      }),
    );
  });

  it('give the bytes that the format prescribes', () => {
    const bytes = encodeSafetensors(
      new Map([
        ['b', { dtype: 'U8', shape: [1], bytes: Uint8Array.of(7) }],
        ['a', fromFloat32(Float32Array.of(1), [])],
      ]),
      new Map([['format', 'pt']]),
    );
    const header =
      '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8, ' ');
    expect(bytes).toEqual(safetensorsFile(padded, Uint8Array.of(0, 0, 0x80, 0x3f, 7)));
  });
});

describe('random damage', () => {
  const valid = encodeSafetensors(
    new Map<string, FileTensor>([
      ['weight', fromFloat32(new Float32Array(6), [2, 3])],
      ['bias', fromFloat32(new Float32Array(2), [2], 'F16')],
      ['index', { dtype: 'I64', shape: [1], bytes: new Uint8Array(8) }],
    ]),
    new Map([['note', 'é']]),
  );

  it('gives a FileError or a valid result, never anything else', () => {
    const damage = fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) });
    let survived = 0;
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (changes) => {
        const broken = valid.slice();
        for (const { at, to } of changes) broken[at] = to;
        try {
          const { tensors: found } = parseSafetensors(broken, 'damaged');
          const total = [...found.values()].reduce((sum, each) => sum + each.bytes.length, 0);
          const header = Number(new DataView(broken.buffer).getBigUint64(0, true));
          expect(8 + header + total).toBe(broken.length);
          survived++;
        } catch (error) {
          if (!(error instanceof FileError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
    expect(survived).toBeGreaterThan(0);
  });

  it('refuses every prefix', () => {
    for (let length = 0; length < valid.length; length++) {
      refusal(() => parseSafetensors(valid.slice(0, length), 'cut'));
    }
  });
});

describe('accepted', () => {
  it('an empty file of {}', () => {
    const { tensors: found, metadata: notes } = parseSafetensors(safetensorsFile('{}'), 'empty');
    expect(found.size + notes.size).toBe(0);
    expect(encodeSafetensors(new Map())).toEqual(safetensorsFile('{}      '));
  });

  it('rank 0, zero sizes anywhere, white space, any order of keys and fields, odd names', () => {
    const header = `{ "z" : {"data_offsets":[4,4],"shape":[3,0,9007199254740991],"dtype":"F64"},
      "constructor":{"shape":[ ],"dtype":"F32","data_offsets":[ 0 , 4 ]},
      "":{"dtype":"BOOL","shape":[2],"data_offsets":[4,6]},"__metadata__":{}}   \n  `;
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const { tensors: found } = parseSafetensors(safetensorsFile(header, data), 'odd');
    expect([...found.keys()]).toEqual(['z', 'constructor', '']);
    expect(found.get('z')).toEqual({ dtype: 'F64', shape: [3, 0, 2 ** 53 - 1], bytes: new Uint8Array(0) });
    expect(found.get('constructor')).toEqual({ dtype: 'F32', shape: [], bytes: data.slice(0, 4) });
    expect(found.get('')).toEqual({ dtype: 'BOOL', shape: [2], bytes: data.slice(4) });
  });

  it('a view at an odd offset of a larger buffer, giving plain Uint8Array views', () => {
    const file = encodeSafetensors(new Map([['x', fromFloat32(Float32Array.of(1, 2), [2])]]));
    const buffer = Buffer.alloc(file.length + 3);
    buffer.set(file, 3);
    const found = parseSafetensors(buffer.subarray(3), 'view').tensors.get('x');
    expect(found?.bytes.buffer).toBe(buffer.buffer);
    expect(found?.bytes.constructor).toBe(Uint8Array);
    expect(new Float32Array(found?.bytes.slice().buffer ?? new ArrayBuffer(0))).toEqual(
      Float32Array.of(1, 2),
    );
  });

  it('a header whose length is that of an opening brace', () => {
    const header = '{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.padEnd(0x7b);
    expect(parseSafetensors(safetensorsFile(header, 1), 'brace').tensors.size).toBe(1);
  });
});

describe('encodeSafetensors refuses', () => {
  const x: FileTensor = { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) };
  it.each([
    ['too few bytes', 'x', { ...x, bytes: new Uint8Array(3) }, 'safetensors-size'],
    ['a negative size', 'x', { ...x, shape: [-1, -1] }, 'safetensors-type'],
    ['a fractional size', 'x', { ...x, shape: [0.5, 2] }, 'safetensors-type'],
    ['the reserved name', '__metadata__', x, 'safetensors-name'],
    ['half of a surrogate pair', '\ud800', x, 'safetensors-name'],
    ['__proto__', '__proto__', x, 'safetensors-proto'],
  ])('%s', (_, key, value, code) => {
    expect(refusal(() => encodeSafetensors(new Map([[key, value]]))).code).toBe(code);
  });

  it('metadata that a reader would refuse', () => {
    expect(refusal(() => encodeSafetensors(new Map(), new Map([['__proto__', '']]))).code).toBe(
      'safetensors-proto',
    );
    expect(refusal(() => encodeSafetensors(new Map(), new Map([['a', '\udc00']]))).code).toBe(
      'safetensors-name',
    );
  });
});
