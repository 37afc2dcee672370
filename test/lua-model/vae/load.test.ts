import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '@lua-webgpu/kernels';
import { LuaWebGpuError } from '@lua-webgpu/kernels';
import { createLua, loadVae, preset, type VaeOptions, vaeFromTensors } from '@lua-webgpu/lua-model';
import { encodeSafetensors, type FileTensor, fromFloat32, openScope } from '@lua-webgpu/tensor';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { goldenCase } from '../../golden/load.ts';
import { openTestDevice } from '../../support/network.ts';
import { goldenTensors } from './support.ts';

const tiny = goldenTensors(goldenCase('vae_tiny'));
const klCase = goldenCase('vae_kl');
const kl = goldenTensors(klCase);
const klConfig = klCase.config as Record<string, unknown>;
const tinyConfig = {
  _class_name: 'AutoencoderTiny',
  _diffusers_version: '0.30.0',
  act_fn: 'relu',
  block_out_channels: [8, 8, 8],
  decoder_block_out_channels: [8, 8, 8],
  encoder_block_out_channels: [8, 8, 8],
  force_upcast: false,
  in_channels: 3,
  latent_channels: 16,
  latent_magnitude: 3,
  latent_shift: 0.5,
  num_decoder_blocks: [2, 1, 1],
  num_encoder_blocks: [1, 2, 1],
  out_channels: 3,
  scaling_factor: 1,
  shift_factor: 0,
  upsample_fn: 'nearest',
  upsampling_scaling_factor: 2,
};

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-vae-'));
let device: Device;
beforeAll(async () => {
  device = await openTestDevice();
});
afterEach(() => {
  vi.unstubAllEnvs();
  expect(device.memory().inUse).toBe(0);
});
afterAll(() => {
  device.destroy();
  rmSync(folder, { recursive: true });
});

/** Writes under the test's folder; tensors become safetensors. */
function write(name: string, content: string | object | ReadonlyMap<string, FileTensor>): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  const bytes =
    content instanceof Map
      ? encodeSafetensors(content)
      : typeof content === 'string'
        ? content
        : JSON.stringify(content);
  writeFileSync(path, bytes);
  return path;
}

/** One part of TAESD in a file of its own: the bare indices of the original. */
function part(name: 'encoder' | 'decoder', tensors = tiny): Map<string, FileTensor> {
  const own = [...tensors].filter(([each]) => each.startsWith(`${name}.`));
  return new Map(own.map(([each, tensor]) => [each.slice(name.length + 1), tensor]));
}

async function describeVae(path: string, options: VaeOptions = {}) {
  using vae = await loadVae(device, path, options);
  return { kind: vae.kind, parts: vae.parts, profile: vae.profile.name };
}

async function refusal(run: () => Promise<unknown>): Promise<LuaWebGpuError> {
  const error: unknown = await run().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof LuaWebGpuError)) throw error ?? new Error('nothing was refused');
  expect(error.fix).toMatch(/\.$/);
  return error;
}

describe('loadVae finds', () => {
  const both = ['encoder', 'decoder'];
  const encoder = write('pair/taesd3_encoder.safetensors', part('encoder'));
  const decoder = write('pair/taesd3_decoder.safetensors', part('decoder'));
  const prefix = join(folder, 'pair/taesd3');

  it.each([
    ['the decoder of a pair', decoder, {}, both],
    ['the encoder of a pair', encoder, {}, both],
    ['what a pair begins with', prefix, {}, both],
    ['the decoder alone', encoder, { parts: ['decoder'] }, ['decoder']],
    ['the encoder alone', prefix, { parts: ['encoder'] }, ['encoder']],
  ] as const)('%s', async (_, path, options, parts) => {
    expect(await describeVae(path, options)).toEqual({ kind: 'AutoencoderTiny', parts, profile: 'sd3' });
  });

  it('one part of a pair where there is no other, and says at use that the other is missing', async () => {
    const path = write('lonely/taesd3_decoder.safetensors', part('decoder'));
    using vae = await loadVae(device, path);
    expect(vae.parts).toEqual(['decoder']);
    using scope = openScope(device);
    const image = scope.tensor(new Float32Array(3 * 64), [1, 3, 8, 8]);
    expect(() => vae.encode(image)).toThrow(expect.objectContaining({ code: 'vae-part' }));
    const error = await refusal(() => loadVae(device, path, { parts: ['encoder'] }));
    expect(error).toMatchObject({ code: 'file-not-found' });
    expect(error.message).toContain('taesd3_encoder.safetensors');
  });

  it('a file with everything, by its name or by the profile given', async () => {
    const path = write('taesd3.safetensors', tiny);
    expect(await describeVae(path)).toMatchObject({ parts: both, profile: 'sd3' });
    expect(await describeVae(path, { profile: 'flux' })).toMatchObject({ profile: 'flux' });
    const kept = write('sdxl_vae.safetensors', kl);
    expect(await describeVae(kept)).toEqual({ kind: 'AutoencoderKL', parts: both, profile: 'sdxl' });
    expect(await describeVae(kept, { parts: ['decoder'] })).toMatchObject({ parts: ['decoder'] });
  });

  it('a folder of diffusers, the file in it, and a pipeline’s folder', async () => {
    write('pipeline/vae/config.json', klConfig);
    const weights = write('pipeline/vae/diffusion_pytorch_model.safetensors', kl);
    const found = { kind: 'AutoencoderKL', parts: both, profile: 'sdxl' };
    expect(await describeVae(join(folder, 'pipeline/vae'))).toEqual(found);
    expect(await describeVae(`${join(folder, 'pipeline/vae')}/`)).toEqual(found);
    expect(await describeVae(join(folder, 'pipeline'))).toEqual(found);
    expect(await describeVae(weights)).toEqual(found);
    // The factors of the configuration are stronger than a name.
    mkdirSync(join(folder, 'flux'));
    copyFileSync(join(folder, 'pipeline/vae/config.json'), join(folder, 'flux/config.json'));
    copyFileSync(weights, join(folder, 'flux/diffusion_pytorch_model.fp16.safetensors'));
    expect(await describeVae(join(folder, 'flux'))).toEqual(found);
  });

  it('a repository in the cache of the Hugging Face hub', async () => {
    using own = await vaeFromTensors(device, tiny, { profile: 'sd3' });
    const weights = write('blobs/weights', await own.stateDict());
    const config = write('blobs/config', tinyConfig);
    const repository = join(folder, 'home/hub/models--someone--taesd3');
    write('home/hub/models--someone--taesd3/refs/main', 'abc123\n');
    mkdirSync(join(repository, 'snapshots/abc123'), { recursive: true });
    symlinkSync(weights, join(repository, 'snapshots/abc123/diffusion_pytorch_model.safetensors'));
    symlinkSync(config, join(repository, 'snapshots/abc123/config.json'));
    const found = { kind: 'AutoencoderTiny', parts: both, profile: 'sd3' };
    for (const offline of ['', '1']) {
      vi.stubEnv('HF_HUB_OFFLINE', offline);
      vi.stubEnv('HF_HOME', join(folder, 'home'));
      expect(await describeVae('someone/taesd3')).toEqual(found);
      vi.stubEnv('HF_HUB_CACHE', join(folder, 'home/hub'));
      vi.stubEnv('HF_HOME', join(folder, 'elsewhere'));
      expect(await describeVae('someone/taesd3')).toEqual(found);
      vi.unstubAllEnvs();
    }
    vi.stubEnv('HF_HUB_CACHE', '');
    vi.stubEnv('HUGGINGFACE_HUB_CACHE', '');
    vi.stubEnv('HF_HOME', '');
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'xdg'));
    const error = await refusal(() => loadVae(device, 'someone/taesd3'));
    expect(error).toMatchObject({ code: 'hub-not-cached' });
    expect(error.message).toContain(join(folder, 'xdg/huggingface/hub/models--someone--taesd3/refs/main'));
  });
});

describe('what is loaded', () => {
  it('is frozen, is in float32 whatever the file holds, and has no more than the parts asked for', async () => {
    const halves = new Map(
      [...kl].map(([name, { shape, bytes }]) => {
        const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
        return [name, fromFloat32(values, shape, 'BF16')];
      }),
    );
    using vae = await vaeFromTensors(device, halves, { name: 'sdxl', parts: ['decoder'] });
    const names = [...vae.namedParameters()];
    expect(names.every(([, { requiresGrad }]) => !requiresGrad)).toBe(true);
    expect(new Set(names.map(([name]) => name.split('.')[0]))).toEqual(
      new Set(['decoder', 'post_quant_conv']),
    );
    expect((await vae.stateDict()).get('decoder.conv_in.weight')?.dtype).toBe('F32');
  });
});

describe('loadVae refuses', () => {
  const bytes = (tensors: ReadonlyMap<string, FileTensor>) => new Map(tensors);
  const without = (name: string) => {
    const rest = bytes(kl);
    rest.delete(name);
    return rest;
  };
  const scalar = fromFloat32(Float32Array.of(1), [1]);
  const video = new Map([
    ['encoder.conv_in.weight', fromFloat32(new Float32Array(27), [1, 1, 3, 3, 3])],
    ['decoder.conv_in.weight', fromFloat32(new Float32Array(27), [1, 1, 3, 3, 3])],
  ]);

  it.each<[what: string, code: string, path: () => string, message: RegExp, options?: VaeOptions]>([
    ['nothing there', 'file-not-found', () => join(folder, 'nothing'), /nothing_decoder\.safetensors/],
    ['a repository that is not cached', 'hub-not-cached', () => 'no/such', /models--no--such.refs.main/],
    ['a folder without a configuration', 'vae-folder', () => join(folder, 'pair'), /neither config\.json/],
    ['a text', 'safetensors-too-short', () => write('text', 'hello'), /text/],
    ['a web page', 'file-is-html', () => write('page', '<!doctype html><p>Sign in to read this'), /HTML/],
    [
      'a latent',
      'vae-unrecognised',
      () => write('latent.safetensors', new Map([['latent', scalar]])),
      /looks like a latent/,
    ],
    [
      'a UNet',
      'vae-unrecognised',
      () => write('unet.safetensors', new Map([['down_blocks.0.resnets.0.norm1.weight', scalar]])),
      /looks like the UNet/,
    ],
    [
      'a VAE of videos',
      'vae-unrecognised',
      () => write('video.safetensors', video),
      /no ResNet blocks where they should be/,
    ],
    [
      'a lone file whose family nothing tells',
      'vae-profile',
      () => write('weights.safetensors', kl),
      /nothing says which family/,
    ],
    [
      'a profile that there is not',
      'attribute-profile',
      () => write('weights.safetensors', kl),
      /no VAE profile "sd15"/,
      { profile: 'sd15' },
    ],
    [
      'a profile with other channels',
      'latent-channels',
      () => write('weights.safetensors', kl),
      /latents have 4 channels, those of flux have 16/,
      { profile: 'flux' },
    ],
    [
      'a part that the file lacks',
      'vae-part',
      () =>
        write('sdxl_decoder_only.safetensors', new Map([...kl].filter(([name]) => /^(post|dec)/.test(name)))),
      /holds no encoder/,
      { parts: ['encoder', 'decoder'] },
    ],
    [
      'a tensor that is missing',
      'state-dict-mismatch',
      () => write('sdxl-missing.safetensors', without('decoder.conv_out.bias')),
      /1 missing \(decoder\.conv_out\.bias\)/,
    ],
    [
      'a tensor too many',
      'state-dict-mismatch',
      () => write('sdxl-more.safetensors', new Map([...kl, ['decoder.extra.weight', scalar]])),
      /1 unexpected \(decoder\.extra\.weight\)/,
    ],
  ])('%s', async (_, code, path, message, options) => {
    vi.stubEnv('HF_HOME', join(folder, 'empty'));
    const error = await refusal(() => loadVae(device, path(), options));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('a LUA checkpoint, saying that it is one', async () => {
    using model = createLua(device, preset('tiny', { in_chans: 4 }));
    const path = write('lua.safetensors', await model.stateDict());
    const error = await refusal(() => loadVae(device, path));
    expect(error).toMatchObject({ code: 'vae-unrecognised' });
    expect(error.message).toContain('a LUA or SwinIR upscaler');
  });

  it('a folder of pairs, naming what to pass', async () => {
    const error = await refusal(() => loadVae(device, join(folder, 'pair')));
    expect(error.fix).toContain(join(folder, 'pair/taesd3'));
  });

  it('a configuration beside weights of the other kind', async () => {
    write('mixed/config.json', tinyConfig);
    write('mixed/diffusion_pytorch_model.safetensors', kl);
    const error = await refusal(() => loadVae(device, join(folder, 'mixed')));
    expect(error).toMatchObject({ code: 'vae-unrecognised' });
    expect(error.message).toContain('AutoencoderTiny and AutoencoderKL');
  });

  it('a folder without weights', async () => {
    write('bare/config.json', klConfig);
    const error = await refusal(() => loadVae(device, join(folder, 'bare')));
    expect(error).toMatchObject({ code: 'vae-folder' });
    expect(error.message).toContain('diffusion_pytorch_model.safetensors');
  });
});

describe('a configuration is refused with', () => {
  const changed = (base: object, changes: object) => JSON.stringify({ ...base, ...changes });

  it.each<[what: string, code: string, config: string, message: RegExp]>([
    ['no JSON', 'config-json', '<html>', /not JSON/],
    ['a list', 'config-json', '[]', /not a JSON object/],
    ['no class', 'config-unsupported', '{}', /no _class_name/],
    ['another class', 'config-unsupported', '{"_class_name":"VQModel"}', /the class is VQModel/],
    ['no widths', 'config-missing', '{"_class_name":"AutoencoderKL"}', /block_out_channels is missing/],
    [
      'a width that is text',
      'config-type',
      changed(klConfig, { block_out_channels: ['32'] }),
      /block_out_channels\[0\]/,
    ],
    [
      'a width of 0',
      'config-range',
      changed(klConfig, { block_out_channels: [0] }),
      /block_out_channels\[0\] is 0/,
    ],
    [
      'groups that do not divide',
      'config-range',
      changed(klConfig, { norm_num_groups: 24 }),
      /24 does not divide the 32/,
    ],
    [
      'attention at other resolutions',
      'config-unsupported',
      changed(klConfig, { down_block_types: ['DownEncoderBlock2D', 'AttnDownEncoderBlock2D'] }),
      /down_block_types/,
    ],
    ['another activation', 'config-unsupported', changed(klConfig, { act_fn: 'gelu' }), /act_fn is "gelu"/],
    ['grey images', 'config-unsupported', changed(klConfig, { in_channels: 1 }), /in_channels is 1/],
    [
      'statistics of latents',
      'config-unsupported',
      changed(klConfig, { latents_mean: [1, 2, 3, 4] }),
      /latents_mean is unknown here/,
    ],
    [
      'factors of no profile',
      'vae-profile',
      changed(klConfig, { scaling_factor: 0.5 }),
      /no profile has the scaling_factor 0\.5 and shift_factor 0/,
    ],
    [
      'channels of no profile',
      'latent-channels',
      changed(klConfig, { latent_channels: 8 }),
      /8 channels, which are those of no profile/,
    ],
    [
      'other shapes than the weights have',
      'state-dict-mismatch',
      changed(klConfig, { layers_per_block: 2 }),
      /missing \(encoder\.down_blocks\.0\.resnets\.1/,
    ],
  ])('%s', async (_, code, config, message) => {
    const error = await refusal(() => vaeFromTensors(device, kl, { config }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it.each<[what: string, code: string, changes: object, message: RegExp]>([
    ['two widths', 'config-unsupported', { encoder_block_out_channels: [8, 8, 16] }, /one width/],
    ['bilinear upsampling', 'config-unsupported', { upsample_fn: 'bilinear' }, /upsample_fn is "bilinear"/],
    ['a scale of its own', 'config-unsupported', { scaling_factor: 0.5 }, /scaling_factor is 0\.5/],
    ['blocks that are no numbers', 'config-type', { num_decoder_blocks: 'three' }, /num_decoder_blocks/],
  ])('TAESD: %s', async (_, code, changes, message) => {
    const config = changed(tinyConfig, changes);
    const error = await refusal(() => vaeFromTensors(device, tiny, { config, profile: 'sd3' }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('nothing where unknown fields are null, false or notes', async () => {
    const config = changed(klConfig, { latents_mean: null, later: false, _name_or_path: 'x' });
    using vae = await vaeFromTensors(device, kl, { config });
    expect(vae.profile.name).toBe('sdxl');
  });
});

describe('encode and decode refuse', () => {
  it.each<[what: string, code: string, run: 'encode' | 'decode', shape: readonly number[]]>([
    ['a 3-D image', 'image-shape', 'encode', [3, 8, 8]],
    ['four channels', 'image-shape', 'encode', [1, 4, 8, 8]],
    ['no rows', 'image-shape', 'encode', [1, 3, 0, 8]],
    ['no images', 'image-shape', 'encode', [0, 3, 8, 8]],
    ['an odd side', 'image-size', 'encode', [1, 3, 8, 7]],
    ['a 3-D latent', 'latent-shape', 'decode', [4, 4, 4]],
    ['an empty latent', 'latent-shape', 'decode', [1, 4, 4, 0]],
    ['latents of another family', 'latent-channels', 'decode', [1, 16, 4, 4]],
  ])('%s', async (_, code, run, shape) => {
    using vae = await vaeFromTensors(device, kl, { name: 'sdxl' });
    using scope = openScope(device);
    const x = scope.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
    expect(() => vae[run](x)).toThrow(expect.objectContaining({ code, fix: expect.stringMatching(/\.$/) }));
  });
});
