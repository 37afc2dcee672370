/** float16 and bfloat16 against their definitions: every bit pattern, every midpoint. */
import { describe, expect, it } from 'vitest';
import {
  bf16ToF32Bits,
  f16ToF32Bits,
  f32BitsToBf16,
  f32BitsToF16,
} from '../../../packages/tensor/src/files/float16.ts';

const scratch = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function numberOf(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

/** IEEE 754-2019, 3.4: the value of a binary16 pattern. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

const patterns = Array.from({ length: 65536 }, (_, i) => i);

describe('binary16', () => {
  it('decodes all 65,536 patterns', () => {
    const wrong = patterns.filter((half) => !Object.is(numberOf(f16ToF32Bits(half)), halfValue(half)));
    expect(wrong).toEqual([]);
  });

  it('encodes every decoded pattern to itself, a NaN to a quiet NaN with its payload', () => {
    const wrong = patterns.filter((half) => {
      const nan = (half & 0x7fff) > 0x7c00;
      return f32BitsToF16(f16ToF32Bits(half)) !== (nan ? half | 0x200 : half);
    });
    expect(wrong).toEqual([]);
  });

  it('rounds to nearest, ties to even, between all neighbours', () => {
    const wrong: number[] = [];
    for (let half = 0; half < 0x7c00; half++) {
      // 65536 stands in for the number that would follow the largest half.
      const next = half + 1 === 0x7c00 ? 65536 : halfValue(half + 1);
      const middle = bitsOf((halfValue(half) + next) / 2);
      const even = half % 2 === 0 ? half : half + 1;
      const ok =
        f32BitsToF16(middle) === even &&
        f32BitsToF16(middle - 1) === half &&
        f32BitsToF16(middle + 1) === half + 1 &&
        f32BitsToF16((middle | 0x80000000) >>> 0) === (even | 0x8000);
      if (!ok) wrong.push(half);
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    ['65519.996', 65519.996, 0x7bff],
    ['65520', 65520, 0x7c00],
    ['-1e30', -1e30, 0xfc00],
    ['-Infinity', -Infinity, 0xfc00],
    ['2^-25', 2 ** -25, 0],
    ['-2^-25', -(2 ** -25), 0x8000],
    ['2^-149', 2 ** -149, 0],
    ['-0', -0, 0x8000],
  ])('encodes %s', (_, value, half) => {
    expect(f32BitsToF16(bitsOf(value))).toBe(half);
  });

  it('never makes an infinity of a NaN', () => {
    for (const bits of [0x7f800001, 0xff800001, 0x7fffffff])
      expect(f32BitsToF16(bits) & 0x7fff).toBeGreaterThan(0x7c00);
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float32', () => {
    const wrong = patterns.filter((brain) => bf16ToF32Bits(brain) !== brain * 65536);
    expect(wrong).toEqual([]);
  });

  it('rounds to nearest, ties to even, between all neighbours', () => {
    const wrong: number[] = [];
    for (let brain = 0; brain < 0x7f80; brain++) {
      const bits = brain * 65536;
      const even = brain % 2 === 0 ? brain : brain + 1;
      const ok =
        f32BitsToBf16(bits) === brain &&
        f32BitsToBf16(bits + 0x7fff) === brain &&
        f32BitsToBf16(bits + 0x8000) === even &&
        f32BitsToBf16(bits + 0x8001) === brain + 1 &&
        f32BitsToBf16(bits + 0x80000000 + 0x8000) === (even | 0x8000);
      if (!ok) wrong.push(brain);
    }
    expect(wrong).toEqual([]);
  });

  it('keeps NaN and infinity', () => {
    for (const bits of [0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff]) {
      expect(f32BitsToBf16(bits) & 0x7fff).toBeGreaterThan(0x7f80);
    }
    expect(f32BitsToBf16(0x7f800000)).toBe(0x7f80);
    expect(f32BitsToBf16(0xff800000)).toBe(0xff80);
  });
});
