import { l1Loss, openScope } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

for (const adapter of await adapterCases()) {
  describe(`L1 loss on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each([30_000, 30_001])('of %i values beyond one binding agrees with float64', async (count) => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 32_768 } });
      using scope = openScope(device);
      const [x, y] = [seededValues(1, count), seededValues(2, count)];
      const expected = x.reduce((sum, value, i) => sum + Math.abs(value - (y[i] as number)), 0) / count;
      const upload = (values: Float64Array) => scope.tensor(Float32Array.from(values), [count]);
      const [actual = Number.NaN] = await l1Loss(upload(x), upload(y)).readFloats();
      expect(Math.abs(actual / expected - 1)).toBeLessThan(3e-7);
    });

    it('sums large values as exactly as small ones', async () => {
      using scope = openScope(await devices.open());
      const count = 2 ** 18;
      const zeros = scope.tensor(new Float32Array(count), [count]);
      const constant = scope.tensor(new Float32Array(count).fill(1234.567), [count]);
      const [actual = Number.NaN] = await l1Loss(constant, zeros).readFloats();
      // A running sum in float32 is off by 6.5e-4 here.
      expect(Math.abs(actual / Math.fround(1234.567) - 1)).toBeLessThan(3e-7);
    });

    it.each([Number.NaN, Number.POSITIVE_INFINITY])('passes %d on', async (bad) => {
      using scope = openScope(await devices.open());
      for (const count of [8, 7, 5000]) {
        const values = new Float32Array(count);
        values[count - 2] = bad;
        const [x, y] = [scope.tensor(values, [count]), scope.tensor(new Float32Array(count), [count])];
        for (const loss of [l1Loss(x, y), l1Loss(y, x), l1Loss(x, x)]) {
          expect(Number.isFinite((await loss.readFloats())[0])).toBe(false);
        }
      }
    });
  });
}
