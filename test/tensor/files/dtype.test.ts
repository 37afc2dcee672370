/** Conversions between file tensors and numbers: each dtype, any alignment, no silent loss of integers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesPerElement,
  elementCount,
  type FileDtype,
  type FileTensor,
  fileDtypes,
  fromFloat32,
  isFileDtype,
  toFloat32,
  toFloat64,
  toInt32,
} from '../../../packages/tensor/src/files/index.ts';
import { refusal } from './builders.ts';

const writers: Readonly<Record<FileDtype, (view: DataView, at: number, value: number) => void>> = {
  F64: (v, at, x) => v.setFloat64(at, x, true),
  F32: (v, at, x) => v.setFloat32(at, x, true),
  F16: (v, at) => v.setUint16(at, 0xc100, true),
  BF16: (v, at) => v.setUint16(at, 0xc020, true),
  I64: (v, at, x) => v.setBigInt64(at, BigInt(x), true),
  I32: (v, at, x) => v.setInt32(at, x, true),
  I16: (v, at, x) => v.setInt16(at, x, true),
  I8: (v, at, x) => v.setInt8(at, x),
  U64: (v, at, x) => v.setBigUint64(at, BigInt(x), true),
  U32: (v, at, x) => v.setUint32(at, x, true),
  U16: (v, at, x) => v.setUint16(at, x, true),
  U8: (v, at, x) => v.setUint8(at, x),
  BOOL: (v, at, x) => v.setUint8(at, x),
};

/** A value that the dtype holds and others would misread. */
const samples: Readonly<Record<FileDtype, number>> = {
  F64: -2.5,
  F32: -2.5,
  F16: -2.5,
  BF16: -2.5,
  I64: -(2 ** 40),
  I32: -70000,
  I16: -300,
  I8: -3,
  U64: 2 ** 40,
  U32: 3_000_000_000,
  U16: 60_000,
  U8: 200,
  BOOL: 1,
};

function sample(dtype: FileDtype, misalign: number): FileTensor {
  const width = bytesPerElement(dtype);
  const bytes = new Uint8Array(new ArrayBuffer(misalign + 3 * width), misalign);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 3; i++) writers[dtype](view, misalign + i * width, samples[dtype]);
  return { dtype, shape: [3], bytes };
}

function integers(dtype: 'I64' | 'U64', value: bigint): FileTensor {
  return { dtype, shape: [1], bytes: new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer) };
}

describe.each(fileDtypes)('%s', (dtype) => {
  it.each([0, 1, 2, 3, 5])('reads at byte offset %i', (misalign) => {
    const tensor = sample(dtype, misalign);
    const value = samples[dtype];
    expect([...toFloat64(tensor)]).toEqual([value, value, value]);
    expect([...toFloat32(tensor)]).toEqual([value, value, value].map(Math.fround));
  });

  it('refuses bytes that do not fit its shape', () => {
    const { bytes } = sample(dtype, 0);
    for (const shape of [[2], [4], [2, 2], [0]]) {
      expect(refusal(() => toFloat32({ dtype, shape, bytes })).code).toBe('file-tensor-size');
    }
  });
});

describe('shapes', () => {
  it('counts elements', () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([2, 3, 4])).toBe(24);
    expect(elementCount([Number.MAX_VALUE, Number.MAX_VALUE, 0])).toBe(0);
  });

  it('knows no dtype by an inherited name', () => {
    expect(isFileDtype('constructor')).toBe(false);
    expect(isFileDtype('f32')).toBe(false);
    expect(isFileDtype('BF16')).toBe(true);
  });
});

describe('toFloat32', () => {
  it('shares memory with aligned F32 only', () => {
    const aligned = sample('F32', 0);
    expect(toFloat32(aligned).buffer).toBe(aligned.bytes.buffer);
    const misaligned = sample('F32', 2);
    expect(toFloat32(misaligned).buffer).not.toBe(misaligned.bytes.buffer);
  });

  it('rounds F64 to nearest', () => {
    const bytes = new Uint8Array(Float64Array.of(0.1, 1e-50, 1e300, NaN).buffer);
    const values = toFloat32({ dtype: 'F64', shape: [4], bytes });
    expect([...values]).toEqual([Math.fround(0.1), 0, Infinity, NaN]);
  });

  it('refuses a BOOL that is neither 0 nor 1', () => {
    expect(refusal(() => toFloat32({ dtype: 'BOOL', shape: [2], bytes: Uint8Array.of(1, 2) })).code).toBe(
      'file-bool',
    );
  });

  it.each([
    ['I64', 2n ** 53n - 1n],
    ['I64', -(2n ** 53n) + 1n],
    ['I64', 0n],
    ['I64', -1n],
    ['U64', 2n ** 53n - 1n],
  ] as const)('reads %s %i exactly', (dtype, value) => {
    expect(toFloat64(integers(dtype, value))[0]).toBe(Number(value));
  });

  it.each([
    ['I64', 2n ** 53n],
    ['I64', -(2n ** 53n)],
    ['I64', -(2n ** 63n)],
    ['U64', 2n ** 64n - 1n],
  ] as const)('refuses %s %i', (dtype, value) => {
    for (const convert of [toFloat32, toFloat64, toInt32]) {
      expect(refusal(() => convert(integers(dtype, value))).code).toBe('file-integer-range');
    }
  });
});

describe('toInt32', () => {
  it('reads the whole range', () => {
    for (const value of [-(2n ** 31n), 2n ** 31n - 1n])
      expect(toInt32(integers('I64', value))[0]).toBe(Number(value));
    expect([...toInt32(sample('BOOL', 1))]).toEqual([1, 1, 1]);
  });

  it('refuses what int32 does not hold', () => {
    for (const value of [-(2n ** 31n) - 1n, 2n ** 31n]) {
      expect(refusal(() => toInt32(integers('I64', value))).code).toBe('file-integer-range');
    }
    expect(refusal(() => toInt32(sample('U32', 0))).code).toBe('file-integer-range');
    for (const dtype of ['F64', 'F32', 'F16', 'BF16'] as const) {
      expect(refusal(() => toInt32(sample(dtype, 0))).code).toBe('file-dtype');
    }
  });
});

describe('fromFloat32', () => {
  it('keeps every float32 as F32 and F64, NaN payloads of F32 included', () => {
    const bits = fc.uint32Array({ maxLength: 20 });
    fc.assert(
      fc.property(bits, (patterns) => {
        const data = new Float32Array(patterns.slice().buffer);
        const f32 = fromFloat32(data, [data.length]);
        expect(new Uint32Array(toFloat32(f32).slice().buffer)).toEqual(patterns);
        expect([...toFloat32(fromFloat32(data, [data.length], 'F64'))]).toEqual([...data]);
      }),
    );
  });

  it.each([
    ['F16', 2 ** -11, 65504],
    ['BF16', 2 ** -8, 3e38],
  ] as const)('rounds to %s within half a unit', (dtype, epsilon, largest) => {
    const float = fc.float({ noNaN: true, min: Math.fround(-largest), max: Math.fround(largest) });
    fc.assert(
      fc.property(float, (value) => {
        const data = Float32Array.of(value);
        const back = toFloat32(fromFloat32(data, [], dtype))[0] ?? NaN;
        expect(Math.abs(back - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) * epsilon, 2 ** -25));
      }),
    );
  });

  it('refuses a shape of another size', () => {
    expect(refusal(() => fromFloat32(new Float32Array(3), [2, 2])).code).toBe('file-tensor-size');
  });
});
