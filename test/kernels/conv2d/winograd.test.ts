import { type Conv2dShape, conv2dFamily, conv2dScratchBytes } from '@lua-webgpu/kernels';
import { conv2d, openScope, type Tensor } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const shape: Conv2dShape = {
  batch: 1,
  height: 64,
  width: 64,
  cin: 64,
  cout: 64,
  kernelHeight: 3,
  kernelWidth: 3,
  stride: 1,
  padding: { top: 1, bottom: 1, left: 1, right: 1 },
  bias: true,
  activation: { kind: 'none' },
};
const winograd = conv2dFamily.variants.find(({ name }) => name === 'winograd');

describe('the Winograd variant', () => {
  it('takes 3×3 kernels of stride 1 over whole vectors of channels, rows and weights of a bounded size, no GELU', () => {
    expect(winograd?.refuses?.(shape)).toBeUndefined();
    const others = [{ kernelWidth: 1 }, { kernelHeight: 5 }, { stride: 2 }, { cin: 6 }, { cout: 2 }];
    const gelu = { activation: { kind: 'gelu' as const } };
    for (const other of [...others, gelu, { width: 4096 }, { cout: 1024, cin: 4096, width: 8 }]) {
      expect(winograd?.refuses?.({ ...shape, ...other }), JSON.stringify(other)).toMatch(/^takes /);
    }
  });

  it('is preferred on software for many channels and pixels', () => {
    const limits = { maxStorageBufferBindingSize: 2 ** 27 };
    const capabilities = { software: true, subgroupSize: 8, limits } as Parameters<
      NonNullable<typeof conv2dFamily.prefer>
    >[1];
    const first = (changed: Partial<Conv2dShape>, more = {}) =>
      conv2dFamily.prefer?.(conv2dFamily.variants, { ...capabilities, ...more }, { ...shape, ...changed })[0]
        ?.name;
    expect(first({})).toBe('winograd');
    expect(first({ cin: 16 })).toBe('winograd');
    expect(first({ cin: 16, cout: 60 })).toBe('subgroup-32');
    expect(first({ cin: 12, cout: 240 })).toBe('subgroup-32');
    expect(first({ height: 8, width: 8 })).toBe('subgroup');
    expect(first({ stride: 2 })).toBe('subgroup-32');
    expect(first({}, { software: false })).toBe('shared-32-half');
    expect(first({}, { limits: { maxStorageBufferBindingSize: 2 ** 20 } })).toBe('subgroup-32');
  });
});

for (const adapter of await adapterCases()) {
  describe.skipIf(adapter.label === 'compatibility')(`Winograd convolution on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    // 1 MiB of x or out is a piece: two images, and bands of an odd number of rows whose tiles are cut by the edge.
    it.each([
      { x: [3, 47, 41, 64], cout: 20 },
      { x: [1, 131, 41, 64], cout: 4 },
      { x: [1, 67, 33, 4], cout: 132 },
    ])('agrees with the direct one in pieces: $x to $cout', async ({ x, cout }) => {
      const cin = x[3] as number;
      const run = async (variant: string): Promise<Float32Array> => {
        const device = await devices.open({ force: { conv2d: variant } });
        using scope = openScope(device);
        const random = (dims: number[], seed: number): Tensor => {
          const size = dims.reduce((a, b) => a * b, 1);
          return scope.tensor(Float32Array.from(seededValues(seed, size)), dims);
        };
        const out = conv2d(random(x, 1), random([3, 3, cin, cout], 2), {
          bias: random([cout], 3),
          padding: { top: 1, bottom: 1, left: 2, right: 0 },
          activation: { kind: 'leaky-relu', slope: 0.1 },
        });
        return (await out.read()) as Float32Array;
      };
      const direct = await run('subgroup');
      const found = await run('winograd');
      const largest = direct.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      const error = found.reduce(
        (max, value, i) => Math.max(max, Math.abs(value - (direct[i] as number))),
        0,
      );
      expect(error / largest).toBeLessThan(2e-6);
      expect(error).toBeGreaterThan(0);
    });

    it.each([
      { x: [1, 16, 16, 32], cout: 32 },
      { x: [1, 33, 65, 64], cout: 64 },
      { x: [2, 256, 64, 64], cout: 16 },
    ])(
      'takes no more memory than is estimated, nor less than a quarter of it: $x to $cout',
      async ({ x, cout }) => {
        const [, , , cin] = x as [number, number, number, number];
        const size = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
        const device = await devices.open({ force: { conv2d: 'winograd' } });
        using scope = openScope(device);
        const [image, weight] = [x, [3, 3, cin, cout]].map((dims) =>
          scope.tensor(new Float32Array(size(dims)), dims),
        ) as [Tensor, Tensor];
        device.resetPeakMemory();
        const before = device.memory().inUse;
        conv2d(image, weight, { padding: 1 });
        const taken = device.memory().peak - before - 4 * size([...x.slice(0, 3), cout]);
        const estimate = 1.125 * conv2dScratchBytes({ cin, cout, pixels: size(x.slice(0, 3)) });
        expect(taken).toBeLessThanOrEqual(estimate);
        expect(taken).toBeGreaterThan(estimate / 4);
      },
    );
  });
}
