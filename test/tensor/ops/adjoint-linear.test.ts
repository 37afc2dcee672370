import { transposeRows } from '@lua-webgpu/kernels';
import {
  backward,
  fft2,
  fftMagnitude,
  gaussianBlur,
  ifft2,
  openScope,
  resize2d,
  scharr,
  Tape,
  type Tensor,
} from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const side = fc.integer({ min: 1, max: 21 });
const channels = fc.constantFrom(1, 3, 4);
const image = fc.tuple(fc.integer({ min: 1, max: 2 }), side, side, channels);
const spectrum = image.map((shape) => [2, ...shape]);
const resizing = fc.record({
  height: side,
  width: side,
  mode: fc.constantFrom('bilinear' as const, 'bicubic' as const),
  antialias: fc.boolean(),
});
const filter = fc.record({
  kernelSize: fc.constantFrom(1, 3, 5, 11),
  sigma: fc.double({ min: 0.3, max: 3, noNaN: true }),
});
const norm = fc.record({ norm: fc.constantFrom('backward' as const, 'ortho' as const, 'forward' as const) });

type Map = (x: Tensor) => Tensor;
const maps: [name: string, cases: fc.Arbitrary<[shape: readonly number[], map: Map]>][] = [
  ['resize2d', fc.tuple(image, resizing).map(([shape, o]) => [shape, (x) => resize2d(x, o)])],
  ['gaussianBlur', fc.tuple(image, filter).map(([shape, o]) => [shape, (x) => gaussianBlur(x, o)])],
  ['scharr', image.map((shape) => [shape, scharr])],
  ['fft2', fc.tuple(fc.oneof(image, spectrum), norm).map(([shape, o]) => [shape, (x) => fft2(x, o)])],
  ['ifft2', fc.tuple(spectrum, norm).map(([shape, o]) => [shape, (x) => ifft2(x, o)])],
];

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const inner = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? Number.NaN), 0);
};
const length = (a: ArrayLike<number>) => Math.sqrt(inner(a, a));

describe('transposed tables', () => {
  it('list for each position the outputs that read it', () => {
    const rows = [
      { first: 0, weights: [1, 2] },
      { first: 1, weights: [3] },
      { first: 3, weights: [4, 5] },
    ];
    expect(transposeRows(rows, 6)).toEqual([
      { first: 0, weights: [1] },
      { first: 0, weights: [2, 3] },
      { first: 0, weights: [0] },
      { first: 2, weights: [4] },
      { first: 2, weights: [5] },
      { first: 2, weights: [0] },
    ]);
  });
});

for (const adapter of await adapterCases()) {
  describe(`gradients of linear maps on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(maps)('%s: ⟨Ax, y⟩ = ⟨x, Aᵀy⟩', async (_name, cases) => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(cases, async ([shape, map]) => {
          using scope = openScope(device);
          using tape = new Tape();
          const x = tape.watch(scope.tensor(Float32Array.from(seededValues(1, count(shape))), shape));
          const ax = map(x);
          const y = scope.tensor(Float32Array.from(seededValues(2, ax.size)), ax.shape);
          const [xs, ys, images] = [await x.readFloats(), await y.readFloats(), await ax.readFloats()];
          using gradients = backward(ax, { gradient: y });
          const back = (await gradients.of(x)?.readFloats()) ?? [];
          const scale = length(images) * length(ys) + length(xs) * length(back);
          expect(Math.abs(inner(images, ys) - inner(xs, back))).toBeLessThanOrEqual(1e-6 * scale);
        }),
        { numRuns: 15, seed: 21 },
      );
    });

    it('a resize takes its gradient back in pieces as in one, positions that nothing reads included', async () => {
      const results = [];
      for (const limits of [{}, { maxStorageBufferBindingSize: 8_192 }]) {
        using scope = openScope(await devices.open({ limits }));
        using tape = new Tape();
        const x = tape.watch(scope.tensor(new Float32Array(2 * 64 * 32 * 4), [2, 64, 32, 4]));
        const y = resize2d(x, { height: 13, width: 70, mode: 'bilinear' });
        const gradient = scope.tensor(Float32Array.from(seededValues(5, y.size)), y.shape);
        using gradients = backward(y, { gradient });
        results.push(await gradients.of(x)?.readFloats());
      }
      expect(results[0]?.some((value) => value !== 0)).toBe(true);
      expect(results[1]).toEqual(results[0]);
    });

    it('magnitudes take their gradient back in groups of images that fit a binding, with the same bits', async () => {
      const shape = [5, 15, 7, 3];
      const values = Float32Array.from(seededValues(16, count(shape)));
      const results = [];
      // One image has 2,520 bytes of spectrum; 6,000 hold two and the alignment.
      for (const limits of [{}, { maxStorageBufferBindingSize: 6_000 }]) {
        using scope = openScope(await devices.open({ limits }));
        using tape = new Tape();
        const x = tape.watch(scope.tensor(values, shape));
        const gradient = scope.tensor(Float32Array.from(seededValues(17, count(shape))), shape);
        using gradients = backward(fftMagnitude(x), { gradient });
        results.push(await gradients.of(x)?.readFloats());
      }
      expect(results[0]?.some((value) => value !== 0)).toBe(true);
      expect(results[1]).toEqual(results[0]);
    });

    it('a zero image has a zero gradient of its magnitudes', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const x = tape.watch(scope.tensor(new Float32Array(48), [1, 6, 8, 1]));
      const gradient = scope.tensor(Float32Array.from(seededValues(18, 48)), [1, 6, 8, 1]);
      using gradients = backward(fftMagnitude(x), { gradient });
      const result = await gradients.of(x)?.readFloats();
      expect(result?.every((value) => value === 0)).toBe(true);
    });
  });
}
