import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileTensor, type NdArray, parseSafetensors, toFloat64 } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { inFloat64, type LossCase, onDevice, relativeError } from './support.ts';

const folder = referenceFolder();

function load(name: string): ReadonlyMap<string, FileTensor> {
  if (folder === undefined) return new Map();
  const path = join(folder, `${name}.safetensors`);
  return parseSafetensors(readFileSync(path), path).tensors;
}
const [terms, eagle] = [load('loss_lua_terms'), load('loss_eagle')];

function array(tensors: ReadonlyMap<string, FileTensor>, name: string): NdArray {
  const found = tensors.get(name);
  if (!found) throw new Error(`no ${name}`);
  return { shape: found.shape, data: toFloat64(found) };
}

/** A stored result: what makes it here, and by which factor it differs from what is computed here. */
interface Stored {
  readonly label: string;
  readonly tensors: ReadonlyMap<string, FileTensor>;
  readonly loss: LossCase;
  readonly prediction: string;
  readonly target: string;
  readonly value: string;
  readonly gradient?: string;
  readonly factor?: number;
  /** INDEX.md's tolerances of value and gradient. */
  readonly within: readonly [value: number, gradient: number];
}

const pixels = 48 * 64;
const ofLua = (label: string, loss: LossCase, factor = 1): Stored => ({
  label,
  tensors: terms,
  loss,
  prediction: `in.${label[0]}_pred`,
  target: `in.${label[0]}_target`,
  value: `${label}/out.loss`,
  gradient: `${label}/grad.pred`,
  factor,
  within: [3e-6, 6.5e-5],
});
const luaCases: Stored[] = [
  ofLua('z_l1', { name: 'l1_latent' }),
  ofLua('z_fft_backward', { name: 'fft_latent' }),
  ofLua('z_fft_ortho', { name: 'fft_latent' }, 1 / Math.sqrt(32 * 48)),
  ofLua('x_ds2_aa', { name: 'downsample' }),
  ofLua('x_ds4_aa', { name: 'downsample', options: { factor: 'scale' }, context: { scale: 4 } }),
  ofLua('x_hf_k5_s1', { name: 'high_frequency' }),
  ofLua('x_hf_k9_s2', { name: 'high_frequency', options: { kernel_size: 9, sigma: 2 } }),
  ofLua('x_l1', { name: 'l1_pixel' }),
  ofLua('x_fft_backward', { name: 'fft_pixel' }),
  ofLua('x_fft_ortho', { name: 'fft_pixel' }, 1 / Math.sqrt(pixels)),
  ofLua('x_eagle_official', { name: 'eagle', options: { high_pass: 'original' } }),
];

const folders = [...eagle.keys()].flatMap((key) => (/^(.*)\/in\.pred$/.exec(key) ?? []).slice(1));
const eagleCases = folders.flatMap((name): Stored[] => {
  const [, patch = '3', cutoff = '0.5'] = /_p(\d+)(?:_c([\d.]+))?/.exec(name) ?? [];
  const options = { patch_size: Number(patch), cutoff: Number(cutoff) };
  const original = { ...options, high_pass: 'original' };
  const [batch = 0] = eagle.get(`${name}/in.pred`)?.shape ?? [];
  const n = options.patch_size ** 2;
  const stored = (value: string, settings: object, extra: Partial<Stored> = {}): Stored => ({
    label: `${name} ${value}`,
    tensors: eagle,
    loss: { name: 'eagle', options: settings },
    prediction: `${name}/in.pred`,
    target: `${name}/in.target`,
    value: `${name}/out.${value}`,
    within: [2e-5, 2e-5],
    ...extra,
  });
  return [
    stored('official_loss', original, { gradient: `${name}/grad.official_pred` }),
    stored('variant.mask_gauss_hp.loss', options, { gradient: `${name}/grad.variant.mask_gauss_hp.pred` }),
    // Frequencies of which the Nyquist frequency is 1.
    stored('variant.mask_gauss_hp_nyq1.loss', { ...options, cutoff: options.cutoff / 2 }),
    // Summed up over the images too, whose mean is taken here.
    stored('variant.reduce_sum.loss', { ...original, reduction: 'sum' }, { factor: batch }),
    // Variances are of second degree in the Scharr weights.
    stored('variant.scharr_div16.loss', original, { factor: 1 / 16 ** 2 }),
    stored('variant.scharr_div32.loss', original, { factor: 1 / 32 ** 2 }),
    stored('variant.var_biased.loss', original, {
      factor: (n - 1) / n,
      gradient: `${name}/grad.variant.var_biased.pred`,
    }),
  ];
});

/** Conventions that are not LUA's: they have to give other values than what is computed here. */
const others = [
  ...['luma_bt601', 'luma_bt709', 'pad_reflect', 'pad_replicate', 'mask_none', 'complex_difference'].flatMap(
    (variant) =>
      folders.map((name) => {
        const official = eagleCases.find(({ label }) => label === `${name} official_loss`) as Stored;
        return { ...official, label: `${name} ${variant}`, value: `${name}/out.variant.${variant}.loss` };
      }),
  ),
  ofLua('x_ds2_noaa', { name: 'downsample' }),
  ofLua('x_ds4_noaa', { name: 'downsample', options: { factor: 4 } }),
  ofLua('x_hf_k5_s1_zeropad', { name: 'high_frequency' }),
  ofLua('x_charbonnier1e-3', { name: 'l1_pixel' }),
  ofLua('z_fft_complex', { name: 'fft_latent' }),
];

const inputs = ({ tensors, prediction, target }: Stored) =>
  [array(tensors, prediction), array(tensors, target)] as const;

describe.runIf(folder)('the float64 references against the reference folder', () => {
  it.each([...luaCases, ...eagleCases])('$label', (stored) => {
    const expected = array(stored.tensors, stored.value).data[0] as number;
    const actual = inFloat64(stored.loss, ...inputs(stored)) * (stored.factor ?? 1);
    expect(Math.abs(actual / expected - 1)).toBeLessThan(1e-12);
  });

  it.each(folder ? others : [])('$label is something else', (stored) => {
    const other = array(stored.tensors, stored.value).data[0] as number;
    expect(Math.abs(inFloat64(stored.loss, ...inputs(stored)) / other - 1)).toBeGreaterThan(5e-5);
  });
});

for (const adapter of folder ? await adapterCases() : []) {
  describe(`losses against the reference folder on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each([...luaCases, ...eagleCases])('$label, value and gradient', async (stored) => {
      const { factor = 1 } = stored;
      const actual = await onDevice(await devices.open(), stored.loss, ...inputs(stored));
      const value = array(stored.tensors, stored.value).data;
      expect(relativeError([actual.value * factor], value)).toBeLessThan(stored.within[0]);
      if (!stored.gradient) return;
      const gradient = actual.gradient.map((each) => each * factor);
      const expected = array(stored.tensors, stored.gradient).data;
      expect(relativeError(gradient, expected)).toBeLessThan(stored.within[1]);
    });
  });
}

it('has reference data where LUA_WEBGPU_GOLDEN names it', () => {
  if (!folder) console.warn('not run, LUA_WEBGPU_GOLDEN is not set: losses against the reference folder');
  expect(luaCases.length + eagleCases.length > 40).toBe(folder !== undefined);
});
