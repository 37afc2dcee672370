import type { PadMode } from '@lua-webgpu/kernels';
import { crop2d, openScope, pad2d } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const side = fc.integer({ min: 0, max: 17 });
const problem = fc.record({
  shape: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
    fc.constantFrom(1, 3, 4, 8),
  ),
  padding: fc.record({ top: side, bottom: side, left: side, right: side }),
  mode: fc.constantFrom<PadMode>('zeros', 'reflect', 'replicate'),
});

// What numpy.pad gives for [0, 1, 2] with 5 on either side.
const rows: Record<string, number[]> = {
  zeros: [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0],
  reflect: [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1],
  replicate: [0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2],
};

for (const adapter of await adapterCases()) {
  describe(`padding and cropping on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [mode, expected] of Object.entries(rows)) {
      it(`${mode} as numpy does, along both sides`, async () => {
        using scope = openScope(await devices.open());
        const five = { top: 0, bottom: 0, left: 0, right: 0, mode: mode as PadMode };
        const line = [0, 1, 2];
        const wide = pad2d(scope.tensor(line, [1, 1, 3, 1]), { ...five, left: 5, right: 5 });
        expect([...(await wide.read())]).toEqual(expected);
        const tall = pad2d(scope.tensor(line, [1, 3, 1, 1]), { ...five, top: 5, bottom: 5 });
        expect([...(await tall.read())]).toEqual(expected);
      });
    }

    it('cropping undoes padding of any size', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(problem, async ({ shape, padding, mode }) => {
          using scope = openScope(device);
          const values = Float32Array.from(
            seededValues(
              3,
              shape.reduce((a, b) => a * b, 1),
            ),
          );
          const padded = pad2d(scope.tensor(values, shape), { ...padding, mode });
          const [, height, width] = shape;
          const back = crop2d(padded, { top: padding.top, left: padding.left, height, width });
          expect(await back.read()).toEqual(values);
        }),
        { numRuns: 40, seed: 20_251_121 },
      );
    });
  });
}
