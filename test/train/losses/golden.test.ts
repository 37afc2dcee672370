import type { NdArray } from '@lua-webgpu/tensor';
import { type LossName, lossNames, lossTerms } from '@lua-webgpu/train';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { inFloat64, type LossCase, onDevice } from './support.ts';

const golden = goldenCase('loss_terms');
const labels = [...golden.outputs.keys()].filter((key) => key.endsWith('/out.loss'));
const cases = labels.map((key) => {
  const label = key.replace('/out.loss', '');
  const name = label.split('/')[0] as LossName;
  const { attributes, ...value } = entry(golden.outputs, key);
  const options = attributes.options as object;
  return { label, loss: { name, options } satisfies LossCase, value: { ...value, attributes } };
});
const input = (name: LossName, role: string): NdArray => {
  const { shape, data } = entry(golden.inputs, `${lossTerms[name].space}/in.${role}`);
  return { shape, data: Float64Array.from(data) };
};

it('every loss has PyTorch data', () => {
  expect(new Set(cases.map(({ loss }) => loss.name))).toEqual(new Set(lossNames));
});

it.each(cases)('$label: the float64 reference against PyTorch', ({ loss, value }) => {
  const actual = inFloat64(loss, input(loss.name, 'prediction'), input(loss.name, 'target'));
  // The stored value is rounded to float32.
  expect(Math.abs(actual / (value.data[0] as number) - 1)).toBeLessThan(6e-8);
});

for (const adapter of await adapterCases()) {
  describe(`losses against PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(cases)('$label, value and gradient', async ({ label, loss, value }) => {
      const [p, t] = [input(loss.name, 'prediction'), input(loss.name, 'target')];
      const actual = await onDevice(await devices.open(), loss, p, t);
      expect(compareGolden(value, [actual.value], []).error).toBeLessThanOrEqual(value.tolerance);
      const gradient = entry(golden.outputs, `${label}/grad.prediction`);
      // A gradient is a longer sum than a forward value: 1e-5 is the least that float32 can be held to.
      expect(compareGolden(gradient, actual.gradient, p.shape).error).toBeLessThanOrEqual(
        Math.max(1e-5, gradient.tolerance),
      );
    });
  });
}
