import {
  concat,
  openScope,
  permute,
  slice,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
} from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const size: fc.Arbitrary<number> = fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 8, 12);
const permutation = fc.array(size, { maxLength: 5 }).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.shuffledSubarray(
      shape.map((_, axis) => axis),
      { minLength: shape.length },
    ),
  }),
);
const cut = fc
  .array(size, { minLength: 1, maxLength: 5 })
  .chain((shape) => fc.record({ shape: fc.constant(shape), axis: fc.nat({ max: shape.length - 1 }) }))
  .chain(({ shape, axis }) =>
    fc.record({ shape: fc.constant(shape), axis: fc.constant(axis), at: fc.nat({ max: shape[axis] ?? 0 }) }),
  );
const options = { numRuns: 60, seed: 20_251_121 };
const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
/** Distinct integers, so that any element in the wrong place shows. */
const numbered = (shape: readonly number[]) => Int32Array.from({ length: count(shape) }, (_, i) => i + 1);

for (const adapter of await adapterCases()) {
  describe(`moving elements on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('permute puts every element where its coordinates say, and its inverse undoes it', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(permutation, async ({ shape, axes }) => {
          using scope = openScope(device);
          const values = numbered(shape);
          const there = permute(scope.tensor(values, shape), axes);
          expect(there.shape).toEqual(axes.map((axis) => shape[axis]));
          expect(
            await permute(
              there,
              axes.map((_, axis) => axes.indexOf(axis)),
            ).read(),
          ).toEqual(values);
          const moved = await there.read();
          const strides = shape.map((_, axis) => count(shape.slice(axis + 1)));
          for (let index = 0; index < moved.length; index++) {
            let rest = index;
            let from = 0;
            for (const axis of axes.toReversed()) {
              from += (rest % (shape[axis] ?? 1)) * (strides[axis] ?? 0);
              rest = Math.floor(rest / (shape[axis] ?? 1));
            }
            if (moved[index] !== values[from])
              throw new Error(`element ${index} is ${moved[index]}, not ${values[from]}`);
          }
        }),
        options,
      );
    });

    it('concat puts together what slice took apart', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(cut, async ({ shape, axis, at }) => {
          using scope = openScope(device);
          const values = numbered(shape);
          const x = scope.tensor(values, shape);
          const part = (start: number, end: number): Tensor =>
            slice(
              x,
              shape.map((_, k) => (k === axis ? start : 0)),
              shape.with(axis, end - start),
            );
          const whole = concat([part(0, at), part(at, shape[axis] ?? 0)], axis);
          expect(whole.shape).toEqual(shape);
          expect(await whole.read()).toEqual(values);
        }),
        options,
      );
    });

    it('channels go last and first again, whatever padding is between', async () => {
      const device = await devices.open();
      const problem = fc.record({
        shape: fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 9 }), fc.nat({ max: 6 }), fc.nat({ max: 7 })),
        padding: fc.nat({ max: 9 }),
      });
      await fc.assert(
        fc.asyncProperty(problem, async ({ shape, padding }) => {
          using scope = openScope(device);
          const values = Float32Array.from(numbered(shape));
          const [batch, channels, height, width] = shape;
          const last = toChannelsLast(scope.tensor(values, shape), { channels: channels + padding });
          expect(last.shape).toEqual([batch, height, width, channels + padding]);
          expect(await toChannelsFirst(last, { channels }).read()).toEqual(values);
          const padded = slice(last, [0, 0, 0, channels], [batch, height, width, padding]);
          expect((await padded.read()).every((value) => value === 0)).toBe(true);
        }),
        options,
      );
    });

    it('keeps the bits of NaN, subnormals and negative zero', async () => {
      using scope = openScope(await devices.open());
      const bits = Uint32Array.of(0x7fc01234, 0xff800001, 0x00000001, 0x80000000, 0x7f800000, 0x807fffff);
      const x = scope.tensor(new Float32Array(bits.buffer), [2, 3]);
      const back = permute(permute(x, [1, 0]), [1, 0]);
      expect(new Uint32Array((await back.readFloats()).buffer)).toEqual(bits);
    });
  });
}
