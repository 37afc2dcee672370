import { KernelError } from '@lua-webgpu/kernels';
import { openScope, registry, windowAttention } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, seededValues } from '../../support/compare.ts';

const op = registry.find(({ name }) => name === 'windowAttention');
if (!op) throw new Error('windowAttention is not in the registry');

const problem = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    rows: fc.integer({ min: 1, max: 3 }),
    columns: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    window: fc.integer({ min: 1, max: 9 }),
    offset: fc.nat(),
    // Few values, because each is a pipeline to compile.
    headDim: fc.constantFrom(3, 4, 8),
    variant: fc.constantFrom('subgroup', 'tiled', 'shared', 'scalar'),
  })
  .map(({ offset, ...rest }) => ({ ...rest, shift: offset % rest.window }));

for (const adapter of await adapterCases()) {
  describe(`window attention on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('agrees with its reference on any sizes', async () => {
      await fc.assert(
        fc.asyncProperty(
          problem,
          async ({ batch, rows, columns, heads, window, headDim, variant, shift }) => {
            const shape = [batch, rows * window, columns * window, 3 * heads * headDim];
            const attributes = { heads, window, shift, scale: headDim ** -0.5 };
            const inputs = [shape, [(2 * window - 1) ** 2, heads]].map((sizes, i) => {
              const count = sizes.reduce((a, b) => a * b, 1);
              return {
                shape: sizes,
                data: seededValues(count + i, count).map((value) => 3 * Math.fround(value)),
              };
            });
            using scope = openScope(await devices.open({ force: { 'window-attention': variant } }));
            const [qkv, table] = inputs.map(({ data, shape: sizes }) =>
              scope.tensor(Float32Array.from(data), sizes),
            );
            if (!qkv || !table) throw new Error('an operand is missing');
            try {
              const actual = await windowAttention(qkv, table, attributes).read();
              const rounded = inputs.map(({ data, shape: sizes }) => ({
                shape: sizes,
                data: data.map(Math.fround),
              }));
              const expected = op.reference(rounded, attributes);
              const bound = op.tolerance(rounded, attributes, expected);
              expectWithin(actual, expected, bound, `${variant} ${JSON.stringify(attributes)} [${shape}]`);
            } catch (error) {
              if (!(error instanceof KernelError && error.code === 'kernel-forced')) throw error;
            }
          },
        ),
        { numRuns: 30, seed: 20_251_121 },
      );
    });

    for (const variant of ['subgroup', 'tiled', 'shared', 'scalar']) {
      it(`by ${variant} hands on what is not finite`, async ({ skip }) => {
        const device = await devices.open({ force: { 'window-attention': variant } });
        if (variant === 'subgroup' && device.capabilities.subgroupSize === undefined) skip('no subgroups');
        const attributes = { heads: 1, window: 4, shift: 0, scale: 0.5 };
        for (const part of [0, 1, 2]) {
          using scope = openScope(device);
          const values = Float32Array.from(seededValues(part, 16 * 24));
          values[5 * 24 + 8 * part + 2] = Number.NaN;
          const qkv = scope.tensor(values, [1, 4, 4, 24]);
          const actual = await windowAttention(
            qkv,
            scope.tensor(new Float32Array(49), [49, 1]),
            attributes,
          ).read();
          // A bad q spoils its query; a bad k every query; a bad v one channel of every query.
          const spoilt = Array.from(actual, (value, i) => (Number.isFinite(value) ? -1 : i)).filter(
            (i) => i >= 0,
          );
          const all = Array.from(actual, (_, i) => i);
          const expected = [all.slice(40, 48), all, all.filter((i) => i % 8 === 2)][part];
          expect(spoilt).toEqual(expected);
        }
      });
    }
  });
}
