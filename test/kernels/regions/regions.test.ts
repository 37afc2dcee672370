import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllocationError, type GpuBuffer, type Limits } from '../../../packages/kernels/src/index.ts';
import {
  type Access,
  contiguousStrides,
  splitRegion,
  windowOf,
} from '../../../packages/kernels/src/regions/index.ts';

const limitsOf = (maxStorageBufferBindingSize: number) =>
  ({ maxStorageBufferBindingSize, minStorageBufferOffsetAlignment: 256 }) as Limits;

/** Every coordinate of a box, as text. */
function coordinates(origin: readonly number[], sizes: readonly number[]): string[] {
  let list = [''];
  sizes.forEach((size, axis) => {
    const along = Array.from({ length: size }, (_, i) => (origin[axis] ?? 0) + i);
    list = list.flatMap((prefix) => along.map((c) => `${prefix},${c}`));
  });
  return list;
}

const problem = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
  swap: fc.boolean(),
  repeated: fc.boolean(),
  elementBytes: fc.constantFrom(4, 16),
  first: fc.integer({ min: 0, max: 500 }),
  limit: fc.integer({ min: 288, max: 4000 }),
});

describe('regions', () => {
  it('cover every coordinate once, and each fits a binding that holds what it touches', () => {
    fc.assert(
      fc.property(problem, ({ sizes, swap, repeated, elementBytes, first, limit }) => {
        const strides = contiguousStrides(swap ? sizes.toReversed() : sizes);
        const moved = swap ? strides.toReversed() : strides;
        const total = sizes.reduce((a, b) => a * b, 1);
        const accesses: Access[] = [
          { first, strides: repeated ? moved.with(0, 0) : moved, elementBytes },
          { first: 0, strides: contiguousStrides(sizes), elementBytes },
        ];
        const limits = limitsOf(limit);
        const regions = splitRegion('test', sizes, accesses, limits);
        const seen = regions.flatMap((region) => coordinates(region.origin, region.sizes));
        expect(seen.toSorted()).toEqual(coordinates([], sizes).toSorted());
        const buffer = { byteLength: (first + total) * elementBytes } as GpuBuffer;
        for (const region of regions) {
          for (const access of accesses) {
            const { range, first: at } = windowOf(buffer, access, region, limits);
            if (!('offset' in range)) throw new Error('a window is a range');
            expect(range.offset % 256).toBe(0);
            expect(range.size).toBeLessThanOrEqual(limit);
            const dot = (c: readonly number[]) =>
              c.reduce((sum, v, k) => sum + v * (access.strides[k] ?? 0), 0);
            const begin = access.first + dot(region.origin);
            const end = begin + dot(region.sizes.map((size) => size - 1)) + 1;
            expect(range.offset + at * elementBytes).toBe(begin * elementBytes);
            expect(range.offset + range.size).toBe(end * elementBytes);
          }
        }
      }),
      { numRuns: 200, seed: 20_251_121 },
    );
  });

  it('are one where everything fits', () => {
    const access = { first: 0, strides: [8, 1], elementBytes: 4 };
    expect(splitRegion('test', [8, 8], [access], limitsOf(256))).toEqual([{ origin: [0, 0], sizes: [8, 8] }]);
  });

  it('refuse what one coordinate touches beyond a binding', () => {
    const access = { first: 0, strides: [100], elementBytes: 4, reach: 100 };
    expect(() => splitRegion('test', [3], [access], limitsOf(256))).toThrow(AllocationError);
  });
});
