import type { LuaWebGpuError } from '@lua-webgpu/kernels';
import { fft2, fftMagnitude, ifft2, openScope } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';
import { channelsFirst, channelsLast } from '../conv2d/channels-last.ts';

const golden = goldenCase('op_fft2');
const side = fc.oneof(fc.integer({ min: 1, max: 33 }), fc.constantFrom(37, 41, 48, 64, 74, 101));
const shapes = fc.tuple(fc.integer({ min: 1, max: 2 }), side, side, fc.constantFrom(1, 2, 3, 4));
const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
const runs = { numRuns: 25, seed: 10 };

/** Distance of two arrays relative to the norm of the second. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return norm(Array.from(actual, (value, i) => value - (expected[i] ?? Number.NaN))) / norm(expected);
}

for (const adapter of await adapterCases()) {
  describe(`2-D FFT on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each([...golden.outputs.keys()])('%s agrees with PyTorch', async (key) => {
      const output = entry(golden.outputs, key);
      const { data, shape } = channelsLast(entry(golden.inputs, key.replace(/out\..*/, 'in.x')));
      using scope = openScope(await devices.open());
      const planes = await fft2(scope.tensor(data, shape)).read();
      const re = channelsFirst({ shape, data: planes.subarray(0, data.length) });
      const im = channelsFirst({ shape, data: planes.subarray(data.length) });
      const actual = Float32Array.from({ length: planes.length }, (_, i) => {
        return (i % 2 === 0 ? re.data : im.data)[i >> 1] as number;
      });
      const compared = compareGolden({ ...output, tolerance: 5e-7 }, actual, [...re.shape, 2]);
      expect(compared).toMatchObject({ within: true });
    });

    it('ifft2 undoes fft2', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(shapes, async (shape) => {
          using scope = openScope(device);
          const values = Float32Array.from(seededValues(11, count(shape)));
          const back = await ifft2(fft2(scope.tensor(values, shape))).read();
          expect(distance(back, [...values, ...new Float32Array(values.length)])).toBeLessThan(2e-6);
        }),
        runs,
      );
    });

    it('keeps the energy (Parseval) and gives its magnitudes', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(shapes, async (shape) => {
          using scope = openScope(device);
          const x = scope.tensor(Float32Array.from(seededValues(12, count(shape))), shape);
          const spectrum = await fft2(x).read();
          const [, height, width] = shape;
          expect(norm(spectrum) / norm(await x.read()) / Math.sqrt(height * width)).toBeCloseTo(1, 5);
          const plane = count(shape);
          const magnitudes = Array.from({ length: plane }, (_, i) => {
            return Math.hypot(spectrum[i] as number, spectrum[plane + i] as number);
          });
          expect(distance(await fftMagnitude(x).read(), magnitudes)).toBeLessThan(1e-6);
        }),
        runs,
      );
    });

    it('is linear', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(shapes, fc.integer({ min: -8, max: 8 }), async ([batch, ...rest], factor) => {
          using scope = openScope(device);
          const shape = [2, batch, ...rest];
          const x = Float32Array.from(seededValues(13, count(shape)));
          const y = Float32Array.from(seededValues(14, count(shape)));
          const sum = x.map((value, i) => factor * value + (y[i] as number));
          const fx = await fft2(scope.tensor(x, shape)).read();
          const fy = await fft2(scope.tensor(y, shape)).read();
          const expected = fx.map((value, i) => factor * value + (fy[i] as number));
          expect(distance(await fft2(scope.tensor(sum, shape)).read(), expected)).toBeLessThan(2e-6);
        }),
        runs,
      );
    });

    it('turns a shift into a rotation of the phase, which magnitudes do not see', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(shapes, fc.nat(40), fc.nat(40), async (shape, down, right) => {
          using scope = openScope(device);
          const [batch, height, width, channels] = shape;
          const values = Float32Array.from(seededValues(15, count(shape)));
          const shifted = new Float32Array(values.length);
          for (let b = 0; b < batch; b++) {
            for (let y = 0; y < height; y++) {
              for (let x = 0; x < width; x++) {
                const from = ((b * height + y) * width + x) * channels;
                const to = ((b * height + ((y + down) % height)) * width + ((x + right) % width)) * channels;
                shifted.set(values.subarray(from, from + channels), to);
              }
            }
          }
          const plain = await fftMagnitude(scope.tensor(values, shape)).read();
          expect(distance(await fftMagnitude(scope.tensor(shifted, shape)).read(), plain)).toBeLessThan(2e-6);
        }),
        runs,
      );
    });

    it('takes magnitudes of as many images at a time as fit a binding, with the same bits', async () => {
      const values = Float32Array.from(seededValues(16, 5 * 15 * 7 * 3));
      const results = [];
      // One image has 2,520 bytes of spectrum; 6,000 hold two and the alignment.
      for (const limits of [
        {},
        { maxStorageBufferBindingSize: 6_000 },
        { maxStorageBufferBindingSize: 3_000 },
      ]) {
        using scope = openScope(await devices.open({ limits }));
        results.push(await fftMagnitude(scope.tensor(values, [5, 15, 7, 3])).read());
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    });

    it('refuses a spectrum that does not fit a binding, and keeps nothing', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 3_000 } });
      const before = device.memory().inUse;
      const scope = openScope(device);
      const x = scope.tensor(new Float32Array(5 * 15 * 7 * 3), [5, 15, 7, 3]);
      let code = 'accepted';
      try {
        fft2(x);
      } catch (error) {
        code = (error as LuaWebGpuError).code;
      }
      expect(code).toBe('binding-too-large');
      scope.dispose();
      expect(device.memory().inUse).toBe(before);
    });

    it('transforms an impulse at the end of a line of 4,096', async () => {
      using scope = openScope(await devices.open());
      const values = new Float32Array(4096);
      values[4095] = 1;
      const spectrum = await fft2(scope.tensor(values, [1, 1, 4096, 1])).read();
      for (const k of [0, 1, 1000, 2048, 4095]) {
        expect(spectrum[k]).toBeCloseTo(Math.cos((2 * Math.PI * k) / 4096), 6);
        expect(spectrum[4096 + k]).toBeCloseTo(Math.sin((2 * Math.PI * k) / 4096), 6);
      }
    });
  });
}
