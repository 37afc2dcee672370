import type { Device } from '@lua-webgpu/kernels';
import { layerNormGradient, layerNormParameterGradients, openScope } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

for (const adapter of await adapterCases()) {
  describe(`gradients of layer normalisation beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const compute = async (device: Device, channels: number) => {
      const dispatch = vi.spyOn(device, 'dispatch');
      using scope = openScope(device);
      const random = (...shape: number[]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return scope.tensor(Float32Array.from(seededValues(count, count)), shape);
      };
      const [x, gradient] = [random(700, channels), random(700, channels)];
      const statistics = random(700, 2);
      const dx = await layerNormGradient(x, random(channels), gradient, statistics).read();
      const dispatches = dispatch.mock.calls.length;
      dispatch.mockRestore();
      const both = await layerNormParameterGradients(x, gradient, statistics).read();
      const bits = [dx, both].map((values) => new Uint32Array(values.buffer));
      return { bits, dispatches };
    };

    it.each([12, 7])('of %i channels have the bits of the whole', async (channels) => {
      const expected = await compute(await devices.open(), channels);
      const device = await devices.open({
        limits: { maxStorageBufferBindingSize: 4 * channels * 200 },
      });
      const actual = await compute(device, channels);
      expect(expected.dispatches).toBe(1);
      expect(actual.dispatches).toBe(4);
      expect(actual.bits).toEqual(expected.bits);
      expect(device.memory().inUse).toBe(0);
    });
  });
}
