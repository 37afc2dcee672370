import type { Device } from '@lua-webgpu/kernels';
import {
  groupNorm,
  groupNormGradient,
  groupNormStatistics,
  groupNormSums,
  openScope,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

for (const adapter of await adapterCases()) {
  describe(`group normalisation beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const compute = async (device: Device, channels: number, groups: number) => {
      using scope = openScope(device);
      const random = (...shape: number[]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return scope.tensor(Float32Array.from(seededValues(count, count)), shape);
      };
      const attributes = { groups, eps: 1e-6 };
      const [x, gradient] = [random(2, 19, 17, channels), random(2, 19, 17, channels)];
      const [weight, bias] = [random(channels), random(channels)];
      const y = groupNorm(x, weight, bias, attributes);
      const statistics = groupNormStatistics(x, attributes);
      const sums = groupNormSums(x, gradient, statistics, attributes);
      const dx = groupNormGradient(x, weight, gradient, statistics, sums, attributes);
      const results = [];
      for (const tensor of [y, sums, dx]) results.push(await tensor.readFloats());
      return results;
    };

    it.each([
      { channels: 12, groups: 3 },
      { channels: 7, groups: 1 },
    ])('of $channels channels agrees with the whole', async ({ channels, groups }) => {
      const expected = await compute(await devices.open(), channels, groups);
      // An image has 323 pixels: three bands or more, which start at any multiple of 4 bytes.
      const limits = { maxStorageBufferBindingSize: 4 * channels * 140 };
      const device = await devices.open({ limits });
      const actual = await compute(device, channels, groups);
      // The mean is summed up in another order.
      for (const [i, values] of expected.entries()) {
        const errors = values.map((value, at) => Math.abs(value - (actual[i]?.[at] ?? Number.NaN)));
        expect(Math.max(...errors), `result ${i}`).toBeLessThanOrEqual(2e-5);
      }
      expect(device.memory().inUse).toBe(0);
    });
  });
}
