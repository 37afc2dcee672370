import { gaussianBlur, openScope, scharr } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';
import { channelsFirst, channelsLast } from '../conv2d/channels-last.ts';

const golden = goldenCase('op_filter');
const inputOf = (key: string) => channelsLast(entry(golden.inputs, key.replace(/out\..*/, 'in.x')));
const keysWith = (name: string) => [...golden.outputs.keys()].filter((key) => key.includes(name));

interface Area {
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
}

/** An area of an image [H, width, channels] that begins at element `start`. */
function crop(
  image: ArrayLike<number>,
  width: number,
  channels: number,
  area: Area,
  start = 0,
): Float32Array {
  const line = area.columns * channels;
  return Float32Array.from({ length: area.rows * line }, (_, i) => {
    const row = area.top + Math.floor(i / line);
    return image[start + (row * width + area.left) * channels + (i % line)] ?? Number.NaN;
  });
}

for (const adapter of await adapterCases()) {
  describe(`filters on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(keysWith('gaussian'))('%s agrees with PyTorch', async (key) => {
      const output = entry(golden.outputs, key);
      const { data, shape } = inputOf(key);
      using scope = openScope(await devices.open());
      const options = {
        kernelSize: output.attributes.size as number,
        sigma: output.attributes.sigma as number,
      };
      const y = gaussianBlur(scope.tensor(data, shape), options);
      const actual = channelsFirst({ shape: y.shape, data: await y.read() });
      expect(compareGolden({ ...output, tolerance: 1e-6 }, actual.data, actual.shape)).toMatchObject({
        within: true,
      });
    });

    it.each(keysWith('scharr'))('%s agrees with PyTorch', async (key) => {
      const output = entry(golden.outputs, key);
      const { data, shape } = inputOf(key);
      using scope = openScope(await devices.open());
      const both = await scharr(scope.tensor(data, shape)).read();
      const plane = output.attributes.axis === 'x' ? 0 : data.length;
      const actual = channelsFirst({ shape, data: both.subarray(plane, plane + data.length) });
      expect(compareGolden({ ...output, tolerance: 1e-6 }, actual.data, actual.shape)).toMatchObject({
        within: true,
      });
    });

    it('shift with the image: what a window shows agrees with the whole, to the bit', async () => {
      const device = await devices.open();
      const side = 25;
      const shift = fc.integer({ min: 0, max: 9 });
      const size = fc.integer({ min: 5, max: 16 });
      const windows = fc.record({ top: shift, left: shift, rows: size, columns: size });
      await fc.assert(
        fc.asyncProperty(windows, fc.constantFrom(1, 3, 4), async (window, channels) => {
          using scope = openScope(device);
          const values = Float32Array.from(seededValues(6, side * side * channels));
          const whole = scope.tensor(values, [1, side, side, channels]);
          const { rows, columns } = window;
          const part = crop(values, side, channels, window);
          const seen = scope.tensor(part, [1, rows, columns, channels]);
          // Two pixels from the window's borders and the image's no filter reaches past either.
          const inner = { top: 2, left: 2, rows: rows - 4, columns: columns - 4 };
          const place = { ...inner, top: window.top + 2, left: window.left + 2 };
          const blurred = await gaussianBlur(whole, { kernelSize: 5, sigma: 1 }).read();
          const blurredPart = await gaussianBlur(seen, { kernelSize: 5, sigma: 1 }).read();
          expect(crop(blurredPart, columns, channels, inner)).toEqual(crop(blurred, side, channels, place));
          const edges = await scharr(whole).read();
          const edgesPart = await scharr(seen).read();
          for (const plane of [0, 1]) {
            const expected = crop(edges, side, channels, place, plane * values.length);
            expect(crop(edgesPart, columns, channels, inner, plane * part.length)).toEqual(expected);
          }
        }),
        { numRuns: 20, seed: 7 },
      );
    });

    it('keep a constant and find no edge in it', async () => {
      using scope = openScope(await devices.open());
      const x = scope.tensor(new Float32Array(6 * 7 * 3).fill(0.3), [1, 6, 7, 3]);
      for (const value of await gaussianBlur(x, { kernelSize: 9, sigma: 2 }).read()) {
        expect(Math.abs(value - 0.3)).toBeLessThan(3e-7);
      }
      const edges = await scharr(x).read();
      // Inside, where no zero from outside the image takes part.
      const inside = crop(edges, 7, 3, { top: 1, left: 1, rows: 4, columns: 5 });
      expect(inside.every((value) => value === 0)).toBe(true);
    });

    it('treats what lies outside as zeros even beside infinities', async () => {
      using scope = openScope(await devices.open());
      const x = scope.tensor([1, Number.POSITIVE_INFINITY], [1, 1, 2, 1]);
      const [dx0, dx1, dy0, dy1] = await scharr(x).read();
      expect([dx0, dx1, dy0, dy1]).toEqual([Number.POSITIVE_INFINITY, -10, 0, 0]);
    });

    it('gives the same bits in pieces as in one', async () => {
      const values = Float32Array.from(seededValues(8, 2 * 40 * 24 * 3));
      const results = [];
      for (const limits of [{}, { maxStorageBufferBindingSize: 4_096 }]) {
        using scope = openScope(await devices.open({ limits }));
        const x = scope.tensor(values, [2, 40, 24, 3]);
        results.push(await gaussianBlur(x, { kernelSize: 7, sigma: 1.4 }).read());
      }
      expect(results[1]).toEqual(results[0]);
    });
  });
}
