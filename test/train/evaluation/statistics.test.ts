import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSafetensors, toFloat64 } from '@lua-webgpu/tensor';
import { distributionGap, type HostImages } from '@lua-webgpu/train';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashValues } from '../../golden/params.ts';

interface Described {
  readonly shape: number[];
  readonly center: number;
  readonly amp: number;
  readonly step?: number;
}
interface Case {
  readonly set: Described;
  readonly reference: Described;
  readonly bins: number;
}

const path = fileURLToPath(new URL('fixtures/statistics.safetensors', import.meta.url));
const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
const cases = Object.entries(JSON.parse(metadata.get('cases') ?? '') as Record<string, Case>);

function valuesOf(name: string, { shape, center, amp, step }: Described): HostImages {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from(hashValues(Number(metadata.get('seed')), name, count, center, amp));
  return { shape, data: step === undefined ? data : data.map((value) => Math.round(value / step) * step) };
}

describe('distributionGap', () => {
  it.each(cases)('%s: against scipy', (name, { set, reference, bins }) => {
    const { channels, mean } = distributionGap(
      [valuesOf(`${name}/set`, set)],
      [valuesOf(`${name}/reference`, reference)],
      { bins },
    );
    const measures = {
      wasserstein: 'wasserstein',
      jensenShannon: 'jensen_shannon',
      varianceGap: 'variance_gap',
    };
    for (const [key, stored] of Object.entries(measures) as [keyof typeof mean, string][]) {
      const tensor = tensors.get(`${name}/${stored}`);
      if (!tensor) throw new Error(`${path} has no ${name}/${stored}`);
      const expected = toFloat64(tensor);
      expect(channels).toHaveLength(expected.length);
      channels.forEach((gap, c) => {
        expect(Math.abs(gap[key] - (expected[c] as number)), `${key} of channel ${c}`).toBeLessThan(1e-12);
      });
      const average = expected.reduce((a, b) => a + b, 0) / expected.length;
      expect(Math.abs(mean[key] - average), key).toBeLessThan(1e-12);
    }
  });

  const numbers = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 40 });
  const one = (values: readonly number[]): HostImages => ({
    shape: [1, 1, 1, values.length],
    data: Float64Array.from(values),
  });
  const gap = (a: readonly number[], b: readonly number[]) => distributionGap([one(a)], [one(b)]).mean;

  it('is 0 for equal sets, whatever their order and number', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const shuffled = [...values].reverse();
        const twice = [...values, ...values];
        for (const other of [values, shuffled, twice]) {
          const { wasserstein, jensenShannon, varianceGap } = gap(other, values);
          expect(wasserstein).toBeLessThan(1e-12);
          expect(jensenShannon).toBeLessThan(1e-12);
          expect(Number.isNaN(varianceGap)).toBe(false);
        }
        expect(gap(values, values)).toEqual({ wasserstein: 0, jensenShannon: 0, varianceGap: 0 });
      }),
    );
  });

  it('measures a shift by its size and a scale by its square', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: -16, max: 16 }), (values, shift) => {
        const moved = gap(
          values.map((value) => value + shift),
          values,
        );
        expect(moved.wasserstein).toBeCloseTo(Math.abs(shift), 9);
        const spread = new Set(values).size > 1;
        if (spread) {
          const wider = gap(
            values.map((value) => 2 * value),
            values,
          );
          expect(wider.varianceGap).toBeCloseTo(3, 9);
        }
      }),
    );
  });

  it('has symmetric distances, within their bounds', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const [there, back] = [gap(a, b), gap(b, a)];
        expect(there.wasserstein).toBeCloseTo(back.wasserstein, 12);
        expect(there.jensenShannon).toBeCloseTo(back.jensenShannon, 12);
        expect(there.jensenShannon).toBeGreaterThanOrEqual(-1e-15);
        expect(there.jensenShannon).toBeLessThanOrEqual(Math.LN2 + 1e-12);
        const means = [a, b].map((values) => values.reduce((x, y) => x + y, 0) / values.length);
        expect(there.wasserstein).toBeGreaterThanOrEqual(
          Math.abs((means[0] as number) - (means[1] as number)) - 1e-9,
        );
      }),
    );
  });

  it('pools the images of a set, channel by channel', () => {
    const whole: HostImages = { shape: [2, 2, 1, 2], data: Float32Array.of(1, 2, 10, 20, 3, 4, 30, 40) };
    const parts: HostImages[] = [
      { shape: [1, 2, 1, 1], data: Float32Array.of(4, 40) },
      { shape: [1, 2, 3, 1], data: Float32Array.of(1, 2, 3, 10, 20, 30) },
    ];
    const { channels } = distributionGap([whole], parts);
    expect(channels).toEqual([0, 1].map(() => ({ wasserstein: 0, jensenShannon: 0, varianceGap: 0 })));
    const shifted: HostImages = { shape: [2, 2, 1, 2], data: Float32Array.of(1, 2, 11, 21, 3, 4, 31, 41) };
    const distances = distributionGap([shifted], [whole]).channels.map(({ wasserstein }) => wasserstein);
    expect(distances).toEqual([0, 1]);
  });

  it('a reference without variance is infinitely far, unless the set has none either', () => {
    expect(gap([1, 2], [1, 1]).varianceGap).toBe(Number.POSITIVE_INFINITY);
    expect(gap([1, 1], [5, 5])).toEqual({ wasserstein: 4, jensenShannon: Math.LN2, varianceGap: 0 });
  });

  const good = one([1, 2]);
  it.each([
    ['shape-empty', [], [good], {}],
    ['shape-empty', [good], [], {}],
    ['shape-empty', [{ shape: [0, 1, 2, 2], data: new Float32Array() }], [good], {}],
    ['shape-empty', [], [], {}],
    ['shape-rank', [{ shape: [1, 2], data: Float32Array.of(1, 2) }], [good], {}],
    ['shape-mismatch', [{ shape: [1, 2, 1, 1], data: Float32Array.of(1, 2) }], [good], {}],
    ['shape-mismatch', [{ shape: [1, 1, 1, 3], data: Float32Array.of(1, 2) }], [good], {}],
    ['non-finite', [one([1, Number.NaN])], [good], {}],
    ['non-finite', [good], [one([1, Number.NEGATIVE_INFINITY])], {}],
    ['attribute-invalid', [good], [good], { bins: 0 }],
    ['attribute-invalid', [good], [good], { bins: 2.5 }],
  ] as [string, HostImages[], HostImages[], object][])('%s', (code, set, reference, options) => {
    expect(() => distributionGap(set, reference, options)).toThrow(expect.objectContaining({ code }));
  });
});
