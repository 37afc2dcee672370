import { type LuaWebGpuError, type ResizeMode, resizeAxis, resolveGrid } from '@lua-webgpu/kernels';
import { openScope, resize2d } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';
import { channelsFirst, channelsLast } from '../conv2d/channels-last.ts';

const golden = goldenCase('op_resize');
const side = fc.integer({ min: 1, max: 40 });
const problem = fc.record({
  height: side,
  width: side,
  channels: fc.constantFrom(1, 3, 4, 8),
  outHeight: side,
  outWidth: side,
  mode: fc.constantFrom<ResizeMode>('bilinear', 'bicubic'),
  antialias: fc.boolean(),
});

for (const adapter of await adapterCases()) {
  describe(`resize on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each([...golden.outputs.keys()])('%s agrees with PyTorch', async (key) => {
      const output = entry(golden.outputs, key);
      const { data, shape } = channelsLast(entry(golden.inputs, key.replace(/out\..*/, 'in.x')));
      const [height = 0, width = 0] = output.attributes.size as number[];
      using scope = openScope(await devices.open());
      const y = resize2d(scope.tensor(data, shape), {
        height,
        width,
        mode: output.attributes.mode as ResizeMode,
        antialias: output.attributes.antialias === true,
      });
      const actual = channelsFirst({ shape: y.shape, data: await y.read() });
      // PyTorch's own float32 run is the looser one: it rounds the positions, the tables here do not.
      expect(compareGolden({ ...output, tolerance: 1e-6 }, actual.data, actual.shape)).toMatchObject({
        within: true,
      });
    });

    it('leaves a constant a constant', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(
          problem,
          async ({ height, width, channels, outHeight, outWidth, mode, antialias }) => {
            using scope = openScope(device);
            const x = scope.tensor(new Float32Array(height * width * channels).fill(0.7), [
              1,
              height,
              width,
              channels,
            ]);
            const y = await resize2d(x, { height: outHeight, width: outWidth, mode, antialias }).read();
            expect(y.length).toBe(outHeight * outWidth * channels);
            for (const value of y) expect(Math.abs(value - 0.7)).toBeLessThan(1e-6);
          },
        ),
        { numRuns: 40, seed: 4 },
      );
    });

    it('gives the same bits in pieces as in one', async () => {
      const shape = [3, 64, 32, 4];
      const values = Float32Array.from(seededValues(5, 3 * 64 * 32 * 4));
      const options = { height: 40, width: 70, mode: 'bicubic', antialias: true } as const;
      const results = [];
      // 40 kB hold one image and not two; 8 kB hold rows of one.
      for (const limits of [
        {},
        { maxStorageBufferBindingSize: 40_000 },
        { maxStorageBufferBindingSize: 8_192 },
      ]) {
        using scope = openScope(await devices.open({ limits }));
        results.push(await resize2d(scope.tensor(values, shape), options).read());
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    });

    it('refuses rows that no binding holds, and keeps nothing', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 1024 } });
      using scope = openScope(device);
      const x = scope.tensor(new Float32Array(4096), [1, 4, 16, 64]);
      const before = device.memory().inUse;
      const attempt = () => resize2d(x, { height: 8, width: 16, mode: 'bicubic' });
      expect(codeOf(attempt)).toBe('binding-too-large');
      scope.dispose();
      expect(device.memory().inUse).toBeLessThan(before);
    });

    it('reaches every element past 65,535 workgroups', async () => {
      using scope = openScope(await devices.open());
      const x = scope.tensor([2], [1, 1, 1, 1]);
      const size = { height: 2_100, width: 2_101 };
      const spec = resizeAxis.grid(
        {
          images: 1,
          rows: 2_100,
          source_rows: 1,
          inner: 2_101,
          taps: 1,
          row: 0,
          source_row: 0,
          source_offset: 0,
          out_offset: 0,
        },
        {},
      );
      expect(resolveGrid(spec)[1]).toBeGreaterThan(1);
      const y = await resize2d(x, { ...size, mode: 'bilinear' }).read();
      expect(y.findIndex((value) => value !== 2)).toBe(-1);
    });
  });
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as LuaWebGpuError).code;
  }
  return 'accepted';
}
