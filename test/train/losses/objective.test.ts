import { add, affine, backward, type NdArray, openScope, Tape, type Tensor } from '@lua-webgpu/tensor';
import { LossError, Objective, type ObjectiveConfig, stageObjectives } from '@lua-webgpu/train';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { inFloat64, type LossCase, onDevice, relativeError, seeded, upload } from './support.ts';

const arrays = {
  latent: { prediction: seeded(1, [2, 4, 4, 4], 'latent'), target: seeded(2, [2, 4, 4, 4], 'latent') },
  pixel: { prediction: seeded(3, [2, 3, 16, 16], 'pixel'), target: seeded(4, [2, 3, 16, 16], 'pixel') },
} as const;
const spaceOf = (name: string) => (name.endsWith('latent') ? 'latent' : 'pixel');

/** What an objective with these settings has to give, in float64, and each loss by itself. */
const everything: ObjectiveConfig = {
  l1_latent: 1,
  fft_latent: { weight: 0.1 },
  downsample: { weight: 0.2, factor: 4 },
  high_frequency: { weight: 0.05, kernel_size: 3, sigma: 0.8 },
  l1_pixel: 10,
  fft_pixel: 0.5,
  eagle: { weight: 5e-5, high_pass: 'original' },
};
const settings = Object.entries(everything).map(([name, given]) => {
  const { weight, ...options } = typeof given === 'number' ? { weight: given } : given;
  return { loss: { name, options } as LossCase, weight };
});

for (const adapter of await adapterCases()) {
  describe(`objectives on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    /** The predictions watched on a tape, and the targets. */
    function inputsOf(scope: ReturnType<typeof openScope>, tape: Tape) {
      const watched = (x: NdArray) => tape.watch(upload(scope, x));
      return {
        prediction: { latent: watched(arrays.latent.prediction), pixel: watched(arrays.pixel.prediction) },
        target: { latent: upload(scope, arrays.latent.target), pixel: upload(scope, arrays.pixel.target) },
      };
    }

    it('sums all terms with their weights, options and gradients, and reads them at once', async () => {
      const device = await devices.open();
      using scope = openScope(device);
      using tape = new Tape();
      const objective = new Objective(everything);
      const { prediction, target } = inputsOf(scope, tape);
      const { total, values } = objective.evaluate(prediction, target);
      expect(total.scope).toBe(scope);
      using gradients = backward(total);
      const read = vi.spyOn(device, 'read');
      const report = await objective.read(values);
      expect(read).toHaveBeenCalledTimes(1);
      read.mockRestore();
      expect(report.total).toBe((await total.readFloats())[0]);

      let expected = 0;
      const sums = {
        latent: new Float64Array(arrays.latent.prediction.data.length),
        pixel: new Float64Array(arrays.pixel.prediction.data.length),
      };
      for (const { loss, weight } of settings) {
        const space = spaceOf(loss.name);
        const { prediction: p, target: t } = arrays[space];
        const value = inFloat64(loss, p, t);
        const term = report.terms[loss.name];
        expect(Math.abs((term?.value ?? 0) / value - 1), loss.name).toBeLessThan(3e-6);
        expect(term?.weighted, loss.name).toBe(weight * (term?.value ?? 0));
        expected += weight * value;
        const alone = await onDevice(device, loss, p, t);
        expect(term?.value, loss.name).toBe(alone.value);
        alone.gradient.forEach((each, i) => {
          sums[space][i] = (sums[space][i] as number) + weight * each;
        });
      }
      expect(Object.keys(report.terms)).toEqual(Object.keys(everything));
      expect(Math.abs(report.total / expected - 1)).toBeLessThan(1e-6);
      for (const space of ['latent', 'pixel'] as const) {
        const gradient = await (gradients.of(prediction[space]) as Tensor).readFloats();
        expect(relativeError(gradient, sums[space]), space).toBeLessThan(1e-6);
      }
    });

    it.each(Object.entries(stageObjectives))('stage %s asks for what it compares', async (stage, config) => {
      const objective = new Objective(config);
      expect([objective.needsLatents, objective.needsPixels]).toEqual([stage !== 'III', stage !== 'I']);
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const { prediction, target } = inputsOf(scope, tape);
      const { total } = objective.evaluate(
        { ...(objective.needsLatents && { latent: prediction.latent }), pixel: prediction.pixel },
        { latent: target.latent, ...(objective.needsPixels && { pixel: target.pixel }) },
      );
      using gradients = backward(total);
      expect(gradients.of(prediction.latent) !== undefined).toBe(objective.needsLatents);
      expect(gradients.of(prediction.pixel) !== undefined).toBe(objective.needsPixels);
    });

    it('takes the factor of the downsampling from the head where it is asked to', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const objective = new Objective({ downsample: { weight: 2, factor: 'scale' } });
      const { prediction, target } = inputsOf(scope, tape);
      for (const scale of [2, 4]) {
        const { values } = objective.evaluate(prediction, target, { scale });
        const { terms } = await objective.read(values);
        const { prediction: p, target: t } = arrays.pixel;
        const expected = inFloat64({ name: 'downsample', options: { factor: scale } }, p, t);
        expect(Math.abs((terms.downsample?.value ?? 0) / expected - 1)).toBeLessThan(3e-6);
      }
      expect(() => objective.evaluate(prediction, target)).toThrow(
        expect.objectContaining({ code: 'loss-missing' }),
      );
    });

    it('adds up over heads: values are summed on the device and read once', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const objective = new Objective(stageObjectives.I);
      const { prediction, target } = inputsOf(scope, tape);
      const one = objective.evaluate(prediction, target);
      const other = objective.evaluate(
        { latent: affine(prediction.latent, { scale: 0.5, offset: 0 }) },
        target,
      );
      const both = await objective.read(add(one.values, other.values));
      const [a, b] = [await objective.read(one.values), await objective.read(other.values)];
      expect(both.total).toBeCloseTo(a.total + b.total, 5);
      const sum = (a.terms.fft_latent?.value ?? 0) + (b.terms.fft_latent?.value ?? 0);
      expect(both.terms.fft_latent?.value).toBeCloseTo(sum, 5);
    });

    it('works on no tape, where nothing is kept', async () => {
      const device = await devices.open();
      using scope = openScope(device);
      const { latent } = arrays;
      const [prediction, target] = [upload(scope, latent.prediction), upload(scope, latent.target)];
      const before = device.memory().inUse;
      const { total, values } = new Objective(stageObjectives.I).evaluate(
        { latent: prediction },
        { latent: target },
      );
      expect(total.source).toBeUndefined();
      total.dispose();
      values.dispose();
      expect(device.memory().inUse).toBe(before);
    });

    it('creates no buffers from the third step on, and leaves no memory in use', async () => {
      const device = await devices.open();
      const objective = new Objective(everything);
      const step = () => {
        using scope = openScope(device);
        using tape = new Tape();
        const { prediction, target } = inputsOf(scope, tape);
        using _gradients = backward(objective.evaluate(prediction, target).total);
      };
      step();
      step();
      const { created } = device.memory();
      for (let i = 0; i < 5; i++) step();
      expect(device.memory().created).toBe(created);
      expect(device.memory().inUse).toBe(0);
    });

    it.each([
      ['the latent of the prediction', { pixel: true }, { latent: true, pixel: true }, /prediction has none/],
      ['the image of the target', { latent: true, pixel: true }, { latent: true }, /target has none/],
    ] as const)('refuses to do without %s', async (_what, predicted, wanted, message) => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const { prediction, target } = inputsOf(scope, tape);
      const only = <T extends object>(all: T, keys: object) =>
        Object.fromEntries(Object.entries(all).filter(([key]) => key in keys));
      const run = () =>
        new Objective(stageObjectives.II).evaluate(only(prediction, predicted), only(target, wanted));
      expect(run).toThrow(
        expect.objectContaining({ code: 'loss-missing', message: expect.stringMatching(message) }),
      );
    });
  });
}

describe('objectives as data', () => {
  it('has the weights of the paper', () => {
    expect(stageObjectives).toEqual({
      I: { l1_latent: 1, fft_latent: 0.1 },
      II: { l1_latent: 1, fft_latent: 0.1, downsample: 0.1, high_frequency: 0.05 },
      III: { l1_pixel: 10, fft_pixel: 1, eagle: 5e-5 },
    });
  });

  it.each([
    ['loss-empty', {}, /no terms/, /l1_latent, fft_latent/],
    ['loss-unknown', { l1_latnet: 1 }, /"l1_latnet"/, /Did you mean l1_latent\?/],
    ['loss-unknown', { l1_latent: 1, Eagle_: 1 }, /"Eagle_"/, /Did you mean eagle\?/],
    ['loss-unknown', { lpips: 1 }, /"lpips"/, /^There are l1_latent/],
    ['loss-unknown', { toString: 1 }, /"toString"/, /There are/],
    ['loss-weight', { l1_latent: 0 }, /a weight of 0/, /leave the term out/],
    ['loss-weight', { l1_latent: -1 }, /a weight of -1/, /above 0/],
    ['loss-weight', { eagle: Number.NaN }, /a weight of NaN/, /above 0/],
    ['loss-weight', { eagle: Number.POSITIVE_INFINITY }, /a weight of Infinity/, /above 0/],
    ['loss-weight', { eagle: '1' }, /a weight of 1/, /above 0/],
    ['loss-weight', { eagle: null }, /a weight of null/, /above 0/],
    ['loss-weight', { eagle: { cutoff: 0.5 } }, /a weight of undefined/, /above 0/],
    ['loss-option', { downsample: { weight: 1, factr: 2 } }, /no option "factr"/, /Did you mean factor\?/],
    ['loss-option', { l1_latent: { weight: 1, factor: 2 } }, /no option "factor"/, /There are weight\.$/],
    [
      'loss-option',
      { downsample: { weight: 1, factor: 0 } },
      /factor is 0/,
      /whole number from 1 or 'scale'/,
    ],
    ['loss-option', { downsample: { weight: 1, factor: 'size' } }, /factor is "size"/, /'scale'/],
    ['loss-option', { high_frequency: { weight: 1, kernel_size: 4 } }, /kernel_size is 4/, /odd/],
    ['loss-option', { high_frequency: { weight: 1, sigma: 0 } }, /sigma is 0/, /above 0/],
    [
      'loss-option',
      { eagle: { weight: 1, high_pass: 'gauss' } },
      /high_pass is "gauss"/,
      /'gaussian' or 'original'/,
    ],
    ['loss-option', { eagle: { weight: 1, reduction: 'none' } }, /reduction is "none"/, /'mean' or 'sum'/],
    ['loss-option', { eagle: { weight: 1, cutoff: [1] } }, /cutoff is \[1\]/, /above 0/],
    ['loss-option', { eagle: { weight: 1, patch_size: 1 } }, /patch_size is 1/, /from 2/],
    ['loss-option', { eagle: { weight: 1, cutoff: Number.NaN } }, /cutoff is NaN/, /above 0/],
  ])('%s: %j', (code, config, message, fix) => {
    const make = () => new Objective(config as ObjectiveConfig);
    expect(make).toThrow(LossError);
    expect(make).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(message),
        fix: expect.stringMatching(fix),
      }),
    );
  });
});
