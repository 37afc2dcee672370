import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutAxis } from '../../../packages/lua-model/src/tiling/index.ts';

const axis = fc.record({
  size: fc.integer({ min: 1, max: 200 }),
  window: fc.constantFrom(4, 8, 16),
  tiles: fc.integer({ min: 1, max: 8 }),
  overlaps: fc.integer({ min: 1, max: 3 }),
  scale: fc.constantFrom(1, 2, 4),
});

it('the weights of all spans add up to 1 everywhere', () => {
  fc.assert(
    fc.property(axis, ({ size, window, tiles, overlaps, scale }) => {
      const total = new Float64Array(size * scale);
      for (const span of cutAxis(size, window * tiles, window * overlaps)) {
        const weights = span.weights(scale);
        expect(weights).toHaveLength((span.to - span.from) * scale);
        weights.forEach((weight, i) => {
          expect(weight).toBeGreaterThanOrEqual(-1e-7);
          total[span.from * scale + i] = (total[span.from * scale + i] as number) + weight;
        });
      }
      for (const sum of total) expect(Math.abs(sum - 1)).toBeLessThan(1e-6);
    }),
  );
});

it('spans start on the window grid, stay inside, and read the overlap on inner sides', () => {
  fc.assert(
    fc.property(axis, ({ size, window, tiles, overlaps }) => {
      const spans = cutAxis(size, window * tiles, window * overlaps);
      expect(spans[0]?.from).toBe(0);
      expect(spans.at(-1)?.to).toBe(size);
      for (const { from, to } of spans) {
        expect(from % window).toBe(0);
        expect(to).toBeGreaterThan(from);
        expect(to).toBeLessThanOrEqual(size);
      }
    }),
  );
});

it('discards the outer half of the overlap and keeps the core’s middle whole', () => {
  const [first, second] = cutAxis(64, 32, 8);
  const fall = first?.weights(1) ?? [];
  const rise = second?.weights(1) ?? [];
  expect(first?.to).toBe(40);
  expect(second?.from).toBe(24);
  expect([...fall.slice(0, 28)].every((weight) => weight === 1)).toBe(true);
  expect([...fall.slice(36)].every((weight) => weight === 0)).toBe(true);
  expect([...rise.slice(0, 4)].every((weight) => weight === 0)).toBe(true);
  expect(fall[31]).toBeGreaterThan(0.5);
  expect(fall[32]).toBeLessThan(0.5);
});
