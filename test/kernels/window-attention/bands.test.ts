import type { Device } from '@lua-webgpu/kernels';
import { openScope, Tape, type WindowAttentionAttributes, windowAttention } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

interface Problem {
  readonly shape: readonly number[];
  readonly attributes: WindowAttentionAttributes;
  /** Bytes of a binding. */
  readonly limit: number;
  readonly dispatches: number;
}

const two = { heads: 2, window: 8, scale: 0.5 };
const three = { heads: 3, window: 5, scale: 0.5 };
// A row of windows of the first problems has 8 · 24 pixels of 24 channels: 18,432 bytes, an image three times that.
const problems: Record<string, Problem> = {
  'groups of images': {
    shape: [5, 24, 24, 24],
    attributes: { ...two, shift: 4 },
    limit: 120_000,
    dispatches: 3,
  },
  'rows of windows': {
    shape: [2, 24, 24, 24],
    attributes: { ...two, shift: 0 },
    limit: 40_000,
    dispatches: 4,
  },
  'shifted rows of windows': {
    shape: [2, 24, 24, 24],
    attributes: { ...two, shift: 4 },
    limit: 40_000,
    dispatches: 4,
  },
  'rows of windows one by one': {
    shape: [1, 24, 24, 24],
    attributes: { ...two, shift: 3 },
    limit: 20_000,
    dispatches: 3,
  },
  'odd sizes, bound from before their start': {
    shape: [1, 20, 15, 27],
    attributes: { ...three, shift: 2 },
    limit: 17_000,
    dispatches: 3,
  },
};

for (const adapter of await adapterCases()) {
  describe(`window attention beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const compute = async (device: Device, { shape, attributes }: Problem) => {
      const dispatch = vi.spyOn(device, 'dispatch');
      using scope = openScope(device);
      const random = (sizes: readonly number[]) => {
        const count = sizes.reduce((a, b) => a * b, 1);
        return scope.tensor(Float32Array.from(seededValues(count, count)), sizes);
      };
      const table = random([(2 * attributes.window - 1) ** 2, attributes.heads]);
      const values = await windowAttention(random(shape), table, attributes).read();
      const dispatches = dispatch.mock.calls.length;
      dispatch.mockRestore();
      return { bits: new Uint32Array(values.buffer), dispatches };
    };

    for (const [name, problem] of Object.entries(problems)) {
      it(`${name} give the bits of the whole`, async () => {
        const expected = await compute(await devices.open(), problem);
        const limits = { maxStorageBufferBindingSize: problem.limit };
        const device = await devices.open({ limits });
        const actual = await compute(device, problem);
        expect(expected.dispatches).toBe(1);
        expect(actual.dispatches).toBe(problem.dispatches);
        expect(actual.bits).toEqual(expected.bits);
        expect(device.memory().inUse).toBe(0);
      });
    }

    const refused = expect.objectContaining({ code: 'binding-too-large' });

    it('refuses a row of windows that exceeds a binding', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 18_000 } });
      using scope = openScope(device);
      const qkv = scope.tensor(new Float32Array(24 * 24 * 24), [1, 24, 24, 24]);
      const table = scope.tensor(new Float32Array(450), [225, 2]);
      expect(() => windowAttention(qkv, table, { ...two, shift: 4 })).toThrow(refused);
    });

    it('refuses on a tape what exceeds a binding, since its gradient would', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 40_000 } });
      using scope = openScope(device);
      using tape = new Tape();
      const qkv = scope.tensor(new Float32Array(24 * 24 * 24), [1, 24, 24, 24]);
      const table = scope.tensor(new Float32Array(450), [225, 2]);
      windowAttention(qkv, table, { ...two, shift: 4 }).dispose();
      expect(() => windowAttention(tape.watch(qkv), table, { ...two, shift: 4 })).toThrow(refused);
    });
  });
}
