import { LuaWebGpuError } from '@lua-webgpu/kernels';
import {
  backward,
  cast,
  type NdArray,
  openScope,
  patchVariance,
  scharr,
  Tape,
  type Tensor,
} from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import {
  describeCase,
  inFloat64,
  type LossCase,
  onDevice,
  relativeError,
  seeded,
  termOf,
  upload,
} from './support.ts';

const cases: LossCase[] = [
  { name: 'l1_latent' },
  { name: 'fft_latent' },
  { name: 'downsample' },
  { name: 'downsample', options: { factor: 'scale' }, context: { scale: 4 } },
  { name: 'high_frequency' },
  { name: 'high_frequency', options: { kernel_size: 3, sigma: 0.5 } },
  { name: 'l1_pixel' },
  { name: 'fft_pixel' },
  { name: 'eagle' },
  { name: 'eagle', options: { high_pass: 'original', patch_size: 2, reduction: 'sum' } },
];
const table = cases.map((loss) => ({ label: describeCase(loss), loss }));
const spaceOf = (loss: LossCase) => termOf(loss).space;

const shapesOf = (loss: LossCase): fc.Arbitrary<number[]> => {
  const pixel = spaceOf(loss) === 'pixel';
  const side = pixel ? fc.integer({ min: 1, max: 4 }).map((n) => 4 * n) : fc.integer({ min: 1, max: 13 });
  const channels = pixel ? fc.constant(3) : fc.constantFrom(1, 4, 5, 16);
  return fc.tuple(fc.integer({ min: 1, max: 3 }), channels, side, side).map((shape) => [...shape]);
};
/** Of one shape: a prediction and a target. */
const pairsOf = (loss: LossCase): fc.Arbitrary<[NdArray, NdArray]> =>
  fc.tuple(shapesOf(loss), fc.nat(1e6)).map(([shape, seed]) => {
    const space = spaceOf(loss);
    return [seeded(seed, shape, space), seeded(seed + 1, shape, space)];
  });

const scaled = ({ shape, data }: NdArray, factor: number): NdArray => ({
  shape,
  data: data.map((value) => value * factor),
});
const filled = (shape: readonly number[], value: (row: number, column: number) => number): NdArray => {
  const [, , height = 0, width = 0] = shape;
  const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
    value(Math.floor(i / width) % height, i % width),
  );
  return { shape, data };
};

for (const adapter of await adapterCases()) {
  describe(`losses on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());
    const few = { numRuns: 6 };

    it.each(table)('$label: the gradient is the derivative of the float64 reference', async ({ loss }) => {
      const shape = spaceOf(loss) === 'pixel' ? [2, 3, 8, 12] : [2, 5, 6, 7];
      const [p, t] = [seeded(11, shape, spaceOf(loss)), seeded(12, shape, spaceOf(loss))];
      const { value, gradient } = await onDevice(await devices.open(), loss, p, t);
      expect(Math.abs(value / inFloat64(loss, p, t) - 1)).toBeLessThan(3e-6);
      const [numeric, actual]: [number[], number[]] = [[], []];
      for (let i = 0; i < p.data.length; i += 13) {
        const moved = (by: number) => {
          const data = p.data.with(i, (p.data[i] as number) + by);
          return inFloat64(loss, { shape, data }, t);
        };
        numeric.push((moved(1e-6) - moved(-1e-6)) / 2e-6);
        actual.push(gradient[i] as number);
      }
      expect(relativeError(actual, numeric)).toBeLessThan(1e-5);
    });

    it.each(table)('$label: 0 with a gradient of zeros for equal inputs', async ({ loss }) => {
      const device = await devices.open();
      const constants = fc.tuple(shapesOf(loss), fc.constantFrom(0, 1, 0.3)).map(([shape, value]) => {
        return filled(shape, () => Math.fround(value));
      });
      const inputs = fc.oneof(
        constants,
        pairsOf(loss).map(([x]) => x),
      );
      await fc.assert(
        fc.asyncProperty(inputs, async (x) => {
          const { value, gradient } = await onDevice(device, loss, x, x);
          expect(value).toBe(0);
          expect(gradient.every((each) => each === 0)).toBe(true);
        }),
        few,
      );
    });

    it.each(table)('$label: symmetric, positive, of its degree to the bit', async ({ loss }) => {
      const device = await devices.open();
      const degree = loss.name === 'eagle' ? 2 : 1;
      await fc.assert(
        fc.asyncProperty(pairsOf(loss), fc.integer({ min: -6, max: 6 }), async ([p, t], power) => {
          const { value, gradient } = await onDevice(device, loss, p, t);
          expect(value).toBeGreaterThanOrEqual(0);
          expect(gradient.every(Number.isFinite)).toBe(true);
          expect((await onDevice(device, loss, t, p)).value).toBe(value);
          const factor = 2 ** power;
          const larger = await onDevice(device, loss, scaled(p, factor), scaled(t, factor));
          expect(larger.value).toBe(value * factor ** degree);
        }),
        few,
      );
    });

    it.each(table)('$label: a batch is the mean of its images', async ({ loss }) => {
      const device = await devices.open();
      const shape = spaceOf(loss) === 'pixel' ? [2, 3, 8, 8] : [2, 4, 7, 5];
      const [p, t] = [seeded(21, shape, spaceOf(loss)), seeded(22, shape, spaceOf(loss))];
      const half = ({ data }: NdArray, index: number): NdArray => {
        const length = data.length / 2;
        return { shape: shape.with(0, 1), data: data.subarray(index * length, (index + 1) * length) };
      };
      const parts = [0, 1].map((i) => onDevice(device, loss, half(p, i), half(t, i)));
      const [a, b] = (await Promise.all(parts)).map(({ value }) => value) as [number, number];
      const whole = await onDevice(device, loss, p, t);
      expect(Math.abs(whole.value / ((a + b) / 2) - 1)).toBeLessThan(1e-6);
    });

    it.each(table)('$label: NaN and infinity in either input reach the loss', async ({ loss }) => {
      const device = await devices.open();
      // Sides of whole patches, so that every pixel counts.
      const shape = spaceOf(loss) === 'pixel' ? [1, 3, 12, 12] : [2, 4, 6, 5];
      const [p, t] = [seeded(31, shape, spaceOf(loss)), seeded(32, shape, spaceOf(loss))];
      const bads = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const [k, bad] of bads.entries()) {
        const place = [0, 101, p.data.length - 1][k] as number;
        const spoilt = { shape, data: p.data.with(place, bad) };
        const pairs = [
          [spoilt, t],
          [t, spoilt],
          [spoilt, spoilt],
        ] as const;
        for (const [a, b] of pairs) {
          const { value } = await onDevice(device, loss, a, b);
          expect(Number.isFinite(value), `${bad} at ${place}: ${value}`).toBe(false);
        }
      }
    });

    it.each(table)('$label: far outside [0, 1], and rounded to bfloat16', async ({ loss }) => {
      const device = await devices.open();
      const shape = spaceOf(loss) === 'pixel' ? [1, 3, 12, 8] : [1, 4, 9, 8];
      const bfloat16 = (value: number) => {
        const bits = new Uint32Array(Float32Array.of(value).buffer);
        return new Float32Array(Uint32Array.of((bits[0] as number) & 0xffff0000).buffer)[0] as number;
      };
      for (const size of [1, 300, -40_000]) {
        const rounded = (seed: number): NdArray => {
          const { data } = seeded(seed, shape, 'latent');
          return { shape, data: data.map((value) => bfloat16(value * size)) };
        };
        const [p, t] = [rounded(41), rounded(42)];
        const { value, gradient } = await onDevice(device, loss, p, t);
        expect(Math.abs(value / inFloat64(loss, p, t) - 1), `values around ${size}`).toBeLessThan(3e-6);
        expect(gradient.some((each) => each !== 0)).toBe(true);
      }
      const huge = filled(shape, (row, column) => (row + column) * 1e37);
      const { value } = await onDevice(device, loss, huge, scaled(huge, -1));
      const expected = inFloat64(loss, huge, scaled(huge, -1));
      // What float32 cannot hold is infinite or NaN, not a number that looks right.
      if (Number.isFinite(value)) expect(Math.abs(value - expected)).toBeLessThanOrEqual(3e-6 * expected);
    });

    it.each(table)('$label: the target is a constant of any scope', async ({ loss }) => {
      const device = await devices.open();
      using scope = openScope(device);
      using elsewhere = openScope(device);
      using tape = new Tape();
      const shape = spaceOf(loss) === 'pixel' ? [1, 3, 8, 8] : [1, 4, 8, 8];
      const [p, t] = [seeded(51, shape, spaceOf(loss)), seeded(52, shape, spaceOf(loss))];
      const prediction = tape.watch(upload(scope, p));
      const target = tape.watch(upload(elsewhere, t));
      const run = (of: Tensor) => termOf(loss).loss(prediction, of, loss.options ?? {}, loss.context ?? {});
      const value = run(target);
      const recorded = tape.length;
      run(target.detach());
      expect(tape.length).toBe(2 * recorded);
      using gradients = backward(value);
      expect(gradients.of(target)).toBeUndefined();
      expect(gradients.of(prediction)?.shape).toEqual(shape);
      expect(value.shape).toEqual([]);
      expect(value.scope).toBe(scope);
    });

    it.each([
      ...table.map(({ loss }) => ['shape-mismatch', loss, [1, 3, 8, 8], [1, 3, 8, 4]] as const),
      ...table.map(({ loss }) => ['shape-mismatch', loss, [2, 3, 8, 8], [1, 3, 8, 8]] as const),
      ...table.map(({ loss }) => ['shape-rank', loss, [3, 8, 8], [3, 8, 8]] as const),
      ...table.map(({ loss }) => ['shape-empty', loss, [0, 3, 8, 8], [0, 3, 8, 8]] as const),
      ...table
        .filter(({ loss }) => spaceOf(loss) === 'pixel')
        .map(({ loss }) => ['shape-mismatch', loss, [1, 4, 8, 8], [1, 4, 8, 8]] as const),
      ['shape-indivisible', { name: 'downsample' }, [1, 3, 8, 7], [1, 3, 8, 7]],
      ['shape-indivisible', cases[3] as LossCase, [1, 3, 6, 8], [1, 3, 6, 8]],
      ['loss-missing', { name: 'downsample', options: { factor: 'scale' } }, [1, 3, 8, 8], [1, 3, 8, 8]],
      ['attribute-invalid', { name: 'downsample', options: { factor: 1.5 } }, [1, 3, 8, 8], [1, 3, 8, 8]],
      ['image-small', { name: 'high_frequency' }, [1, 3, 2, 8], [1, 3, 2, 8]],
      ['image-small', { name: 'high_frequency', options: { kernel_size: 9 } }, [1, 3, 4, 8], [1, 3, 4, 8]],
      [
        'attribute-invalid',
        { name: 'high_frequency', options: { kernel_size: 4 } },
        [1, 3, 8, 8],
        [1, 3, 8, 8],
      ],
      ['attribute-invalid', { name: 'high_frequency', options: { sigma: 0 } }, [1, 3, 8, 8], [1, 3, 8, 8]],
      ['image-small', { name: 'eagle' }, [1, 3, 9, 2], [1, 3, 9, 2]],
      ['image-small', { name: 'eagle', options: { patch_size: 5 } }, [1, 3, 4, 9], [1, 3, 4, 9]],
      ['attribute-invalid', { name: 'eagle', options: { patch_size: 1 } }, [1, 3, 8, 8], [1, 3, 8, 8]],
      ['attribute-invalid', { name: 'eagle', options: { cutoff: 0 } }, [1, 3, 8, 8], [1, 3, 8, 8]],
      ['attribute-invalid', { name: 'eagle', options: { high_pass: 'none' } }, [1, 3, 8, 8], [1, 3, 8, 8]],
      ['attribute-invalid', { name: 'eagle', options: { reduction: 'max' } }, [1, 3, 8, 8], [1, 3, 8, 8]],
    ] as [string, LossCase, number[], number[]][])('%s: %o of %j and %j', async (code, loss, of, against) => {
      const device = await devices.open();
      using scope = openScope(device);
      const [p, t] = [filled(of, () => 1), filled(against, () => 1)].map((x) => upload(scope, x));
      const { inUse } = device.memory();
      const run = () => termOf(loss).loss(p as Tensor, t as Tensor, loss.options ?? {}, loss.context ?? {});
      expect(run).toThrow(expect.objectContaining({ code, fix: expect.stringMatching(/\.$/) }));
      expect(run).toThrow(LuaWebGpuError);
      expect(device.memory().inUse).toBe(inUse);
    });

    it.each(table)('$label: takes no float16', async ({ loss }) => {
      using scope = openScope(await devices.open());
      const x = upload(
        scope,
        filled([1, 3, 8, 8], () => 1),
      );
      const run = () => termOf(loss).loss(cast(x, 'f16'), x, {}, { scale: 2 });
      expect(run).toThrow(expect.objectContaining({ code: 'dtype-mismatch' }));
    });

    const shape = [1, 3, 24, 24];
    const checkerboard = (size: number) =>
      filled(shape, (row, column) => ((row + column) % 2 === 0 ? size : -size));
    const flat = filled(shape, () => 0.5);
    const plus = (a: NdArray, b: NdArray): NdArray => ({
      shape: a.shape,
      data: a.data.map((value, i) => Math.fround(value + (b.data[i] as number))),
    });

    it('downsample does not see what lies above the Nyquist frequency of the small image', async () => {
      const device = await devices.open();
      const loss: LossCase = { name: 'downsample' };
      const image = seeded(61, shape, 'pixel');
      const fine = await onDevice(device, loss, plus(image, checkerboard(0.25)), image);
      const coarse = await onDevice(
        device,
        loss,
        plus(
          image,
          filled(shape, () => 0.25),
        ),
        image,
      );
      expect(coarse.value).toBeCloseTo(0.25, 5);
      // What is left stands at the borders, where the kernel is cut.
      expect(fine.value).toBeLessThan(0.25 / 40);
    });

    it('high_frequency does not see a constant, and sees a checkerboard whole', async () => {
      const device = await devices.open();
      const loss: LossCase = { name: 'high_frequency' };
      const shifted = await onDevice(
        device,
        loss,
        plus(
          flat,
          filled(shape, () => 0.25),
        ),
        flat,
      );
      expect(shifted.value).toBeLessThan(1e-7);
      const fine = await onDevice(device, loss, plus(flat, checkerboard(0.25)), flat);
      expect(fine.value).toBeGreaterThan(0.24);
      expect(fine.value).toBeLessThan(0.26);
    });

    it('eagle does not see a sign; of a constant it sees the border alone', async () => {
      const device = await devices.open();
      const loss: LossCase = { name: 'eagle' };
      const [p, t] = [seeded(71, shape, 'pixel'), seeded(72, shape, 'pixel')];
      expect((await onDevice(device, loss, scaled(p, -1), p)).value).toBe(0);
      const { value } = await onDevice(device, loss, p, t);
      expect((await onDevice(device, loss, scaled(p, -1), t)).value).toBe(value);
      expect(
        (
          await onDevice(
            device,
            loss,
            filled(shape, () => 1),
            filled(shape, () => 0),
          )
        ).value,
      ).toBeGreaterThan(1);
      using scope = openScope(device);
      const variances = async (image: NdArray) => {
        const gradients = scharr(upload(scope, { shape: [3, 24, 24, 1], data: image.data }));
        return patchVariance(gradients.reshape([6, 24, 24, 1]), { size: 3 }).readFloats();
      };
      const [plain, brighter] = [
        await variances(p),
        await variances(
          plus(
            p,
            filled(shape, () => 0.5),
          ),
        ),
      ];
      plain.forEach((variance, i) => {
        const [row, column] = [Math.floor(i / 8) % 8, i % 8];
        const inside = Math.min(row, column) > 0 && Math.max(row, column) < 7;
        if (inside) expect(Math.abs((brighter[i] as number) - variance)).toBeLessThan(1e-4);
      });
      expect(Math.abs((brighter[0] as number) - (plain[0] as number))).toBeGreaterThan(0.1);
    });

    it('fft_latent of large means is as exact as float32 allows', async () => {
      const side = [1, 4, 32, 48];
      const around = (mean: number): NdArray => {
        const { data } = seeded(80 + mean, side, 'latent');
        return { shape: side, data: data.map((value) => Math.fround(value + mean)) };
      };
      const [p, t] = [around(20), around(21)];
      const { value } = await onDevice(await devices.open(), { name: 'fft_latent' }, p, t);
      expect(Math.abs(value / inFloat64({ name: 'fft_latent' }, p, t) - 1)).toBeLessThan(1e-6);
    });

    it('leaves no memory in use', async () => {
      expect((await devices.open()).memory().inUse).toBe(0);
    });
  });
}
