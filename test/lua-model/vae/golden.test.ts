import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadVae, runRecomputed, runStored, type Vae, vaeFromTensors } from '@lua-webgpu/lua-model';
import type { FileTensor } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, type GoldenCase, goldenCase } from '../../golden/load.ts';
import type { HostTensor } from '../../golden/params.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { goldenInputs, goldenTensors, runVae } from './support.ts';

/** Relative to the maximum, as `compareGolden` measures. */
const tolerances = { AutoencoderTiny: 1e-5, AutoencoderKL: 2e-5 };

function expectGolden(vae: Vae, golden: GoldenCase, prefix: string, results: Map<string, HostTensor>): void {
  for (const [name, { data, shape }] of results) {
    const expected = entry(golden.outputs, `${prefix}out.${name}`);
    const { error } = compareGolden(expected, data, shape);
    expect(error, `${golden.name} ${prefix}${name}`).toBeLessThanOrEqual(tolerances[vae.kind]);
  }
}

/** The names that CompVis and Black Forest Labs give to diffusers' `names`, with 1×1 convolutions in the attention. */
function originalNames(tensors: ReadonlyMap<string, FileTensor>, levels: number): Map<string, FileTensor> {
  const result = new Map<string, FileTensor>();
  for (const [name, tensor] of tensors) {
    const original = name
      .replace(/mid_block\.resnets\.(\d)/, (_, i) => `mid.block_${Number(i) + 1}`)
      .replace('mid_block.attentions.0', 'mid.attn_1')
      .replace(/down_blocks\.(\d+)\.resnets/, 'down.$1.block')
      .replace(/down_blocks\.(\d+)\.downsamplers\.0/, 'down.$1.downsample')
      .replace(/up_blocks\.(\d+)\.resnets/, (_, i) => `up.${levels - 1 - Number(i)}.block`)
      .replace(/up_blocks\.(\d+)\.upsamplers\.0/, (_, i) => `up.${levels - 1 - Number(i)}.upsample`)
      .replace('conv_shortcut', 'nin_shortcut')
      .replace('conv_norm_out', 'norm_out')
      .replace('group_norm', 'norm')
      .replace(/to_([qkv])\./, '$1.')
      .replace('to_out.0', 'proj_out');
    const pointwise = /attn_1\.\w+\.weight$/.test(original) && tensor.shape.length === 2;
    result.set(original, pointwise ? { ...tensor, shape: [...tensor.shape, 1, 1] } : tensor);
  }
  return result;
}

for (const adapter of await adapterCases()) {
  describe(`VAEs on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('TAESD: encode, decode and the gradient of decode are those of PyTorch', async () => {
      const device = await devices.open();
      const golden = goldenCase('vae_tiny');
      const tensors = goldenTensors(golden);
      const inputs = goldenInputs(golden);
      using vae = await vaeFromTensors(device, tensors, { profile: 'sd3' });
      expect(vae).toMatchObject({ kind: 'AutoencoderTiny', stride: 4, parts: ['encoder', 'decoder'] });
      const results = await runVae(device, vae, inputs);
      expectGolden(vae, golden, '', results);
      // Fused and unfused ReLU, and recomputation, round alike.
      expect(await runVae(device, vae, inputs, runRecomputed)).toEqual(results);
    });

    it('TAESD: diffusers’ names give the same bits', async () => {
      const device = await devices.open();
      const golden = goldenCase('vae_tiny');
      const tensors = goldenTensors(golden);
      using vae = await vaeFromTensors(device, tensors, { profile: 'sd3' });
      const own = await vae.stateDict();
      const layers = new Set([...own.keys()].map((name) => name.replace(/\.\d+\..*$/, '')));
      expect([...layers]).toEqual(['encoder.layers', 'decoder.layers']);
      // The decoder of the original begins with the clamp.
      expect(own.get('decoder.layers.0.weight')).toEqual(tensors.get('decoder.1.weight'));
      expect(own.get('encoder.layers.0.weight')).toEqual(tensors.get('encoder.0.weight'));
      using again = await vaeFromTensors(device, own, { profile: 'sd3' });
      const inputs = goldenInputs(golden);
      expect(await runVae(device, again, inputs)).toEqual(await runVae(device, vae, inputs));
    });

    describe.each(['vae_kl', 'vae_kl_without_quant'])('AutoencoderKL, %s', (name) => {
      const golden = goldenCase(name);
      const tensors = goldenTensors(golden);
      const inputs = goldenInputs(golden);
      const config = JSON.stringify(golden.config);
      const levels = (golden.config as { block_out_channels: number[] }).block_out_channels.length;

      it.each([
        ['stored', runStored],
        ['recomputed', runRecomputed],
      ])('encode, decode and the gradient of decode are those of PyTorch, %s', async (_, run) => {
        const device = await devices.open();
        using vae = await vaeFromTensors(device, tensors, { config });
        expect(vae).toMatchObject({ kind: 'AutoencoderKL', stride: 2 ** (levels - 1) });
        expect(vae.profile.name).toBe(name === 'vae_kl' ? 'sdxl' : 'flux');
        expectGolden(vae, golden, '', await runVae(device, vae, inputs, run));
      });

      it('the original’s names, older ones of diffusers and a whole checkpoint give the same bits', async () => {
        const device = await devices.open();
        using vae = await vaeFromTensors(device, tensors, { config });
        expect([...(await vae.stateDict()).keys()].sort()).toEqual([...tensors.keys()].sort());
        const results = await runVae(device, vae, inputs);
        const original = originalNames(tensors, levels);
        const older = new Map(
          [...tensors].map(([each, tensor]) => [
            each
              .replace('to_q.', 'query.')
              .replace('to_k.', 'key.')
              .replace('to_v.', 'value.')
              .replace('to_out.0.', 'proj_attn.'),
            tensor,
          ]),
        );
        const whole = new Map([
          ['model.diffusion_model.out.0.weight', tensors.get('encoder.conv_in.bias') as FileTensor],
          ...[...original].map(([each, tensor]) => [`first_stage_model.${each}`, tensor] as const),
        ]);
        for (const spelling of [original, older, whole]) {
          const { profile } = vae;
          using again = await vaeFromTensors(device, spelling, { profile: profile.name });
          expect(again).toMatchObject({ config: (vae as Vae & { config: object }).config });
          expect(await runVae(device, again, inputs)).toEqual(results);
        }
      });
    });
  });
}

const folder = process.env.LUA_WEBGPU_WEIGHTS;
if (!folder) console.warn('not run, LUA_WEBGPU_WEIGHTS is not set: the published TAESD weights');

for (const adapter of folder ? await adapterCases() : []) {
  describe(`published TAESD weights on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());
    const golden = goldenCase('vae_published');

    it.each([
      ['taesd', 'sd1'],
      ['taesdxl', 'sdxl'],
      ['taesd3', 'sd3'],
      ['taef1', 'flux'],
    ])('%s gives what PyTorch gives', async (name, profile) => {
      const path = join(folder as string, name);
      expect(existsSync(`${path}_decoder.safetensors`)).toBe(true);
      const device = await devices.open();
      using vae = await loadVae(device, path);
      expect(vae.profile.name).toBe(profile);
      expectGolden(vae, golden, `${name}/`, await runVae(device, vae, goldenInputs(golden, `${name}/`)));
    });
  });
}
