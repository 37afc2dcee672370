import { conv2d, crop2d, openScope, pad2d, registry, type Scope } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, materialise, seededValues } from '../../support/compare.ts';

const op = registry.find(({ name }) => name === 'conv2d');
if (!op) throw new Error('the registry has no conv2d');

const random = (scope: Scope, shape: number[]) =>
  scope.tensor(
    Float32Array.from(
      seededValues(
        7,
        shape.reduce((a, b) => a * b, 1),
      ),
    ),
    shape,
  );

/** Whole vectors of channels or any count. */
const channels = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(4, 8, 12, 20, 36));
const side = fc.integer({ min: 0, max: 3 });
const problem = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 1, max: 11 }),
  width: fc.integer({ min: 1, max: 11 }),
  cin: channels,
  cout: channels,
  kernelHeight: fc.integer({ min: 1, max: 7 }),
  kernelWidth: fc.integer({ min: 1, max: 7 }),
  stride: fc.constantFrom(1, 2, 3),
  padding: fc.record({ top: side, bottom: side, left: side, right: side }),
  bias: fc.boolean(),
});

for (const adapter of await adapterCases()) {
  describe(`conv2d on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('agrees with its float64 reference on any sizes', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(
          problem,
          async ({ batch, height, width, cin, cout, kernelHeight, kernelWidth, ...rest }) => {
            const { stride, padding, bias } = rest;
            fc.pre(height + padding.top + padding.bottom >= kernelHeight);
            fc.pre(width + padding.left + padding.right >= kernelWidth);
            const attributes = { stride, padding, activation: { kind: 'leaky-relu', slope: 0.1 } };
            const shapes = [
              [batch, height, width, cin],
              [kernelHeight, kernelWidth, cin, cout],
              bias ? [cout] : undefined,
            ];
            const inputs = shapes.map((shape, i) => materialise(shape, i + 1));
            const expected = op.reference(inputs, attributes);
            using scope = openScope(device);
            const [x, weight, b] = inputs.map(
              (input) => input && scope.tensor(Float32Array.from(input.data), input.shape),
            );
            if (!x || !weight) throw new Error('operands are missing');
            const y = conv2d(x, weight, {
              ...rest,
              stride: stride as 1 | 2,
              bias: b,
              activation: { kind: 'leaky-relu', slope: 0.1 },
            });
            expect(y.shape).toEqual(expected.shape);
            expectWithin(await y.read(), expected, op.tolerance(inputs, attributes, expected), 'conv2d');
          },
        ),
        { numRuns: 60, seed: 20_251_121 },
      );
    });

    it('moves the image where the kernel is a single one', async () => {
      using scope = openScope(await devices.open());
      for (const c of [3, 4]) {
        const x = random(scope, [2, 6, 5, c]);
        for (const [ky, kx] of [
          [0, 0],
          [0, 2],
          [1, 1],
          [2, 1],
        ] as const) {
          const one = new Float32Array(9 * c * c);
          for (let i = 0; i < c; i++) one[((ky * 3 + kx) * c + i) * c + i] = 1;
          const moved = conv2d(x, scope.tensor(one, [3, 3, c, c]), { padding: 1 });
          const padded = pad2d(x, { top: 1, bottom: 1, left: 1, right: 1, mode: 'zeros' });
          const expected = crop2d(padded, { top: ky, left: kx, height: 6, width: 5 });
          expect(await moved.read()).toEqual(await expected.read());
        }
      }
    });

    for (const variant of ['subgroup', 'tiled', 'shared', 'shared-32', 'scalar']) {
      it(`keeps the padding out of a non-finite image by ${variant}`, async ({ skip }) => {
        // A clamped address that is multiplied by zero rather than replaced would let the neighbour's infinity through.
        const device = await devices.open({ force: { conv2d: variant } });
        if (variant === 'subgroup' && device.capabilities.subgroupSize === undefined) {
          skip('the device has no subgroups');
        }
        using scope = openScope(device);
        const x = scope.tensor(new Float32Array(4).fill(Number.POSITIVE_INFINITY), [1, 1, 1, 4]);
        const weight = random(scope, [1, 1, 4, 4]);
        const bias = scope.tensor(new Float32Array([1, 2, 3, 4]), [4]);
        const y = conv2d(x, weight, { padding: 1, bias });
        expect([...(await y.read())].slice(0, 4)).toEqual([1, 2, 3, 4]);
      });
    }
  });
}
