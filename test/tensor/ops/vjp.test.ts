import { type NdArray, type Operands, registry, vjpOf } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { type AnyOp, forcings, labelOf } from '../../support/op-checks.ts';
import { checkVjp, prepare, requireVjp, vjpSamples } from '../../support/vjp-checks.ts';

const differentiable = (registry as readonly AnyOp[]).filter(vjpOf);

describe('float64 references', () => {
  for (const op of differentiable) {
    it(`${op.name}: the vjp is the derivative of the forward (eps 1e-6)`, () => {
      let checked = 0;
      for (const [index, sample] of vjpSamples(op).entries()) {
        const { inputs, cotangent, expected, wanted } = prepare(op, sample, index);
        const forward = requireVjp(op).derivativeOf ?? op.reference;
        const value = (at: Operands<NdArray>) => {
          const { data } = forward(at, sample.attributes);
          return data.reduce((sum, y, i) => sum + y * (cotangent.data[i] as number), 0);
        };
        for (const position of wanted) {
          const input = inputs[position] as NdArray;
          const count = input.data.length;
          // Every element of small inputs, a spread of large ones: a reference run costs two per element.
          const step = Math.max(1, Math.ceil(count / 24));
          for (let i = 0; i < count; i += step) {
            const moved = (by: number) => {
              const data = input.data.slice();
              data[i] = (data[i] as number) + by;
              return value(inputs.map((each, p) => (p === position ? { shape: input.shape, data } : each)));
            };
            const numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            const analytic = expected[position]?.data[i] as number;
            const allowed = 1e-5 + 1e-3 * Math.abs(numeric);
            const what = `${op.name} ${sample.name ?? `sample ${index}`}: operand ${position}, element ${i}`;
            expect(
              Math.abs(analytic - numeric),
              `${what}: ${analytic}, numerically ${numeric}`,
            ).toBeLessThanOrEqual(allowed);
            checked += 1;
          }
        }
      }
      expect(checked).toBeGreaterThan(0);
    });
  }
});

for (const adapter of await adapterCases()) {
  describe(`vjps on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const op of differentiable) {
      for (const force of forcings(op)) {
        const label = labelOf(op, force);
        it(`${label} agrees with the float64 vjp, three times to the bit`, async () => {
          await checkVjp(await devices.open({ force }), op, force, label);
        });
      }
    }

    it('leaves no memory in use', async () => {
      const device = await devices.open();
      expect(device.memory().inUse).toBe(0);
    });
  });
}
