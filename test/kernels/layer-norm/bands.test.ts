import type { Device } from '@lua-webgpu/kernels';
import { applyBoth, layerNorm, openScope } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';
import { named } from '../../tensor/ops/linear-problems.ts';

for (const adapter of await adapterCases()) {
  describe(`layer normalisation beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const compute = async (device: Device, rows: number, channels: number) => {
      const dispatch = vi.spyOn(device, 'dispatch');
      using scope = openScope(device);
      const random = (...shape: number[]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return scope.tensor(Float32Array.from(seededValues(count, count)), shape);
      };
      const operands = [random(rows, channels), random(channels), random(channels)] as const;
      const both = applyBoth(named('layerNorm'), operands, { eps: 1e-5 });
      const alone = layerNorm(...operands);
      const results = await Promise.all([both.result, both.second, alone].map((each) => each.read()));
      const bits = results.map(({ buffer }) => new Uint32Array(buffer));
      const dispatches = dispatch.mock.calls.length;
      dispatch.mockRestore();
      return { bits, dispatches };
    };

    it.each([
      [300, 60, 32_768],
      [300, 7, 4_096],
    ])('%i rows of %i give the bits of the whole', async (rows, channels, limit) => {
      const expected = await compute(await devices.open(), rows, channels);
      const limited = await devices.open({ limits: { maxStorageBufferBindingSize: limit } });
      const actual = await compute(limited, rows, channels);
      expect(expected.dispatches).toBe(2);
      expect(actual.dispatches).toBe(6);
      expect(actual.bits).toEqual(expected.bits);
    });

    it('takes more rows than a grid dimension has workgroups', async () => {
      const device = await devices.open({ force: { 'layer-norm': 'scalar' } });
      const rows = 65_536 * 64 + 1;
      using scope = openScope(device);
      const one = scope.tensor([1], [1]);
      const x = scope.tensor(new Float32Array(rows), [rows, 1]);
      const bias = scope.tensor([7], [1]);
      const y = await layerNorm(x, one, bias).read();
      expect(y.every((value) => value === 7)).toBe(true);
    });
  });
}
