import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chirpSpectrum,
  convolutionLength,
  factorise,
  roots,
} from '../../../packages/kernels/src/fft2d/plan.ts';

describe('the plan of a transform', () => {
  it('factors every length without a prime above 31, and no other', () => {
    const largestPrime = (length: number) => {
      let rest = length;
      let largest = 1;
      for (let p = 2; p <= rest; p++) {
        for (; rest % p === 0; rest /= p) largest = p;
      }
      return largest;
    };
    for (let length = 1; length <= 600; length++) {
      const factors = factorise(length);
      if (largestPrime(length) > 31) expect(factors, `${length}`).toBeUndefined();
      else
        expect(
          factors?.reduce((a, b) => a * b, 1),
          `${length}`,
        ).toBe(length);
    }
  });

  it('takes few passes', () => {
    expect(factorise(64)).toEqual([8, 8]);
    expect(factorise(16)).toEqual([4, 4]);
    expect(factorise(128)).toEqual([8, 4, 4]);
    expect(factorise(512)).toEqual([8, 8, 8]);
    expect(factorise(96)).toEqual([8, 4, 3]);
    expect(factorise(1)).toEqual([]);
  });

  it('finds convolution lengths that are long enough and have butterflies', () => {
    fc.assert(
      fc.property(fc.integer({ min: 32, max: 5000 }), (length) => {
        const cycle = convolutionLength(length);
        expect(cycle).toBeGreaterThanOrEqual(2 * length - 1);
        expect(Math.max(...(factorise(cycle) ?? [99]))).toBeLessThanOrEqual(8);
      }),
      { numRuns: 100, seed: 9 },
    );
  });

  it('tabulates the roots of unity', () => {
    const values = roots(8);
    expect([...values.subarray(0, 6)]).toEqual([
      1,
      -0,
      expect.closeTo(Math.SQRT1_2, 15),
      expect.closeTo(-Math.SQRT1_2, 15),
      expect.closeTo(0, 15),
      -1,
    ]);
  });

  it('transforms the chirp as its definition says', () => {
    const [length, cycle] = [5, 12];
    const spectrum = chirpSpectrum(length, cycle);
    for (let q = 0; q < cycle; q++) {
      let re = 0;
      let im = 0;
      for (let n = 1 - length; n < length; n++) {
        const angle = (Math.PI * n * n) / length - (2 * Math.PI * n * q) / cycle;
        re += Math.cos(angle) / cycle;
        im += Math.sin(angle) / cycle;
      }
      expect(spectrum[2 * q]).toBeCloseTo(re, 12);
      expect(spectrum[2 * q + 1]).toBeCloseTo(im, 12);
    }
  });
});
