import {
  gatherRow,
  gaussianRows,
  gaussianWeights,
  type ResizeMode,
  resizeRows,
  transposeRows,
} from '@lua-webgpu/kernels';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const side = fc.integer({ min: 1, max: 70 });
const mode = fc.constantFrom<ResizeMode>('bilinear', 'bicubic');
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe('weights of a resize', () => {
  it('are a partition of unity inside the source', () => {
    fc.assert(
      fc.property(side, side, mode, fc.boolean(), (from, to, which, antialias) => {
        const rows = resizeRows(from, to, which, antialias);
        expect(rows.length).toBe(to);
        for (const { first, weights } of rows) {
          expect(sum(weights)).toBeCloseTo(1, 12);
          expect(first).toBeGreaterThanOrEqual(0);
          expect(first + weights.length).toBeLessThanOrEqual(from);
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('are symmetric: the mirrored axis has the mirrored weights', () => {
    fc.assert(
      fc.property(side, side, mode, fc.boolean(), (from, to, which, antialias) => {
        const dense = resizeRows(from, to, which, antialias).map(({ first, weights }) =>
          Array.from({ length: from }, (_, p) => weights[p - first] ?? 0),
        );
        for (const [j, row] of dense.entries()) {
          const mirrored = [...(dense[to - 1 - j] ?? [])].reverse();
          for (const [p, weight] of row.entries()) expect(weight).toBeCloseTo(mirrored[p] ?? Number.NaN, 10);
        }
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('leave an axis of the same size as it is', () => {
    for (const which of ['bilinear', 'bicubic'] as const) {
      for (const antialias of [false, true]) {
        for (const [j, { first, weights }] of resizeRows(9, 9, which, antialias).entries()) {
          for (const [t, weight] of weights.entries())
            expect(weight).toBeCloseTo(first + t === j ? 1 : 0, 15);
        }
      }
    }
  });

  it('halve with (-3, 19, 19, -3) / 32 without antialiasing, as a = −0.75 has it', () => {
    expect(resizeRows(12, 6, 'bicubic', false)[2]).toEqual({
      first: 3,
      weights: [-0.09375, 0.59375, 0.59375, -0.09375],
    });
  });
});

describe('weights of a Gaussian', () => {
  it('sum to 1 on every row of every side, reflected as often as it takes', () => {
    fc.assert(
      fc.property(
        side,
        fc.integer({ min: 0, max: 12 }),
        fc.double({ min: 0.2, max: 5, noNaN: true }),
        (from, radius, sigma) => {
          for (const { first, weights } of gaussianRows(from, 2 * radius + 1, sigma)) {
            expect(sum(weights)).toBeCloseTo(1, 12);
            expect(first + weights.length).toBeLessThanOrEqual(from);
          }
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  it('fold what a reflection without the edge repeated brings back', () => {
    const [a = 0, b = 0, c = 0] = gaussianWeights(5, 1).slice(2);
    expect(gaussianRows(9, 5, 1)[0]).toEqual({ first: 0, weights: [a, 2 * b, 2 * c] });
    expect(gaussianRows(1, 5, 1)[0]?.weights[0]).toBeCloseTo(1, 15);
  });
});

describe('gatherRow', () => {
  it('adds weights of one position and fills gaps with zeros', () => {
    expect(
      gatherRow([
        [5, 1],
        [3, 2],
        [5, 4],
      ]),
    ).toEqual({ first: 3, weights: [2, 0, 5] });
  });
});

describe('transposed tables', () => {
  it('list for each position the outputs that read it', () => {
    const rows = [
      { first: 0, weights: [1, 2] },
      { first: 1, weights: [3] },
      { first: 3, weights: [4, 5] },
    ];
    expect(transposeRows(rows, 6)).toEqual([
      { first: 0, weights: [1] },
      { first: 0, weights: [2, 3] },
      { first: 0, weights: [0] },
      { first: 2, weights: [4] },
      { first: 2, weights: [5] },
      { first: 2, weights: [0] },
    ]);
  });
});
