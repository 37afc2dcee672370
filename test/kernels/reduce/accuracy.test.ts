import { max, mean, min, openScope, sum } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const count = 10_000_000;
const inputs: Record<string, () => Float32Array> = {
  // One value over and over: the rounding errors of a running sum would all point the same way.
  'one value': () => new Float32Array(count).fill(0.1),
  'positive values': () => new Float32Array(count).map((_, i) => (Math.imul(i, 0x9e3779b9) >>> 8) / 2 ** 24),
  'a few large values among small ones': () =>
    new Float32Array(count).map((_, i) => (i % 100_003 === 7 ? 1e5 : 1e-2)),
};

for (const adapter of await adapterCases()) {
  describe(`reductions of ${count} elements on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, make] of Object.entries(inputs)) {
      it(`sum and mean of ${name} are good to 1e-6`, async () => {
        const values = make();
        const exact = values.reduce((total, value) => total + value, 0);
        using scope = openScope(await devices.open({ poison: false }));
        const x = scope.tensor(values, [count]);
        const [total = 0] = await sum(x).read();
        expect(Math.abs(total / exact - 1)).toBeLessThan(1e-6);
        const [average = 0] = await mean(x).read();
        expect(Math.abs((average * count) / exact - 1)).toBeLessThan(1e-6);
      });
    }

    it('finds the extremes wherever they are', async () => {
      using scope = openScope(await devices.open({ poison: false }));
      for (const at of [0, 255, 256, 39_063, 9_999_999]) {
        const values = new Float32Array(count).fill(1);
        values[at] = 3;
        values[count - 1 - at] = -3;
        const x = scope.tensor(values, [count]);
        expect([...(await max(x).read()), ...(await min(x).read())], `at ${at}`).toEqual([3, -3]);
        x.dispose();
      }
    });
  });
}
