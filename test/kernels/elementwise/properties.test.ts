import { add, exp, openScope, registry, sigmoid, sub, tanh } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, seededValues } from '../../support/compare.ts';

const size: fc.Arbitrary<number> = fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 8, 12);

/** Two shapes that broadcast: some axes of one size, some repeated on one side, one shape perhaps of lower rank. */
const shapes = fc
  .array(fc.record({ size, inA: fc.boolean(), inB: fc.boolean() }), { maxLength: 5 })
  .chain((axes) =>
    fc.record({
      a: fc.constant(axes.map(({ size, inA }) => (inA ? size : 1))),
      b: fc.constant(axes.map(({ size, inB }) => (inB ? size : 1))),
      drop: fc.integer({ min: 0, max: axes.length }),
    }),
  )
  .map(({ a, b, drop }) => {
    const leading = a.slice(0, drop).findIndex((size) => size !== 1);
    return { a: a.slice(leading === -1 ? drop : leading), b };
  });

for (const adapter of await adapterCases()) {
  describe(`elementwise properties on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('any two shapes that broadcast', async () => {
      const device = await devices.open();
      const op = registry.find(({ name }) => name === 'sub');
      if (!op) throw new Error('the registry has no sub');
      await fc.assert(
        fc.asyncProperty(shapes, fc.boolean(), async ({ a, b }, exchanged) => {
          const operands = (exchanged ? [b, a] : [a, b]).map((shape, i) => ({
            shape,
            data: seededValues(
              i + 1,
              shape.reduce((x, y) => x * y, 1),
            ),
          }));
          using scope = openScope(device);
          const [x, y] = operands.map(({ shape, data }) => scope.tensor(Float32Array.from(data), shape));
          if (!x || !y) throw new Error('two operands');
          const result = sub(x, y);
          const expected = op.reference(operands, {});
          expect(result.shape).toEqual(expected.shape);
          expectWithin(
            await result.read(),
            expected,
            op.tolerance(operands, {}, expected),
            JSON.stringify([a, b]),
          );
        }),
        { numRuns: 120, seed: 20_251_121 },
      );
    });

    it('adding and subtracting a row leaves nothing', async () => {
      using scope = openScope(await devices.open());
      const row = scope.tensor(Float32Array.from(seededValues(1, 12)), [12]);
      const x = scope.tensor(new Float32Array(5 * 12), [5, 12]);
      expect(await sub(add(x, row), row).read()).toEqual(new Float32Array(5 * 12));
    });

    it('the ends of exp, sigmoid and tanh are their limits, never NaN', async () => {
      using scope = openScope(await devices.open());
      const x = scope.tensor([-3e38, -1e4, -200, 200, 1e4, 3e38], [6]);
      expect([...(await tanh(x).read())]).toEqual([-1, -1, -1, 1, 1, 1]);
      const logistic = await sigmoid(x).read();
      expect([...logistic.slice(3)]).toEqual([1, 1, 1]);
      expect(Math.max(...logistic.slice(0, 3))).toBeLessThan(2 ** -126);
      const power = await exp(x).read();
      expect([...power.slice(3)]).toEqual(new Array(3).fill(Number.POSITIVE_INFINITY));
      expect(Math.max(...power.slice(0, 3))).toBeLessThan(2 ** -126);
    });
  });
}
