import { openScope, pixelShuffle, pixelUnshuffle } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const problem = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 1, max: 7 }),
  width: fc.integer({ min: 1, max: 7 }),
  channels: fc.constantFrom(1, 3, 4, 5, 8),
  factor: fc.integer({ min: 1, max: 5 }),
  order: fc.constantFrom('torch' as const, 'block' as const),
});

for (const adapter of await adapterCases()) {
  describe(`pixel shuffle on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('is undone by pixel unshuffle', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(problem, async ({ batch, height, width, channels, factor, order }) => {
          using scope = openScope(device);
          const shape = [batch, height, width, channels * factor ** 2];
          const values = Float32Array.from(
            seededValues(
              5,
              shape.reduce((a, b) => a * b, 1),
            ),
          );
          const large = pixelShuffle(scope.tensor(values, shape), { factor, order });
          expect(large.shape).toEqual([batch, height * factor, width * factor, channels]);
          const back = pixelUnshuffle(large, { factor, order });
          expect(back.shape).toEqual(shape);
          expect(await back.read()).toEqual(values);
        }),
        { numRuns: 40, seed: 20_251_121 },
      );
    });

    it('in block order moves whole pixels', async () => {
      using scope = openScope(await devices.open());
      const x = scope.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [1, 1, 1, 12]);
      const y = pixelShuffle(x, { factor: 2, order: 'block' });
      expect(y.shape).toEqual([1, 2, 2, 3]);
      expect([...(await y.read())]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    });
  });
}
