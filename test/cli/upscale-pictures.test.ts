/** Photos in and pictures out of `upscale`, with an untrained model and a small VAE of seeded weights. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  profileOf,
  type RgbImage,
  readImage,
  resizeImage,
  toDecoder,
  toDiffusion,
  writeImage,
} from '@lua-webgpu/lua-model';
import { readTensorFile, toFloat32 } from '@lua-webgpu/tensor';
import { psnr } from '@lua-webgpu/train';
import { beforeAll, describe, expect, it } from 'vitest';
import { inkStretches, levelsOf, smoothPicture } from '../support/pictures.ts';
import { runCli, runHere, temporaryFolder, writeLatent } from './run.ts';
import { writeTinyVae } from './tiny-vae.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const photo = smoothPicture(28, 20);
const model = ['--preset', 'tiny', '--scale', '2'];

let vae: string[] = [];
beforeAll(async () => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
  await writeImage(at('photo.png'), photo);
  vae = ['--vae', await writeTinyVae(folder)];
});

async function command(...args: string[]) {
  const { code, stdout, stderr } = await runHere([...args, '--json']);
  expect(code, stderr).toBe(0);
  return { report: JSON.parse(stdout), stderr };
}

const upscale = (input: string, out: string, ...options: string[]) =>
  command('upscale', input, '--out', out, ...model, ...options);

async function latentOf(path: string) {
  const { tensors, metadata } = await readTensorFile(path);
  const tensor = tensors.get('latent');
  if (!tensor) throw new Error(`${path} holds no latent`);
  return { shape: tensor.shape, values: toFloat32(tensor), metadata: Object.fromEntries(metadata) };
}

const picture = async (name: string): Promise<RgbImage> => (await readImage(at(name))).image;

/** A photo's way step by step: encode, upscale, decode. */
async function stepByStep(name: string) {
  await command('encode', at('photo.png'), ...vae, '--out', at(`${name}-z.safetensors`));
  await upscale(at(`${name}-z.safetensors`), at(`${name}-x2.safetensors`));
  await command('decode', at(`${name}-x2.safetensors`), ...vae, '--out', at(`${name}.png`));
}

describe('upscale', () => {
  it('a photo to a picture is encode, upscale and one decode', async () => {
    await stepByStep('steps');
    const { report, stderr } = await upscale(at('photo.png'), at('at-once.png'), ...vae);
    expect(levelsOf(await picture('at-once.png'))).toEqual(levelsOf(await picture('steps.png')));
    expect(stderr).toContain('photo.png: cropped from 28×20 pixels to 24×16 pixels');
    expect(stderr).toContain('UNTRAINED');
    expect(report).toMatchObject({
      input: {
        path: at('photo.png'),
        pixels: [16, 24],
        dtype: null,
        shape: [1, 16, 2, 3],
        packedShape: null,
      },
      output: { path: at('at-once.png'), pixels: [32, 48], dtype: null, shape: [1, 16, 4, 6] },
      profile: 'flux',
      latentScale: 'decoder',
      vae: { kind: 'AutoencoderTiny', profile: 'flux' },
      compare: null,
    });
    const phases = ['input', 'open', 'load', 'encode', 'upscale', 'read', 'decode', 'write', 'total'];
    expect(Object.keys(report.ms)).toEqual(phases);
  });

  it('a photo to a latent, a latent to a picture', async () => {
    await stepByStep('halves');
    const photoIn = await upscale(at('photo.png'), at('out.safetensors'), ...vae);
    const { values, metadata } = await latentOf(at('out.safetensors'));
    expect(values).toEqual((await latentOf(at('halves-x2.safetensors'))).values);
    expect(metadata).toMatchObject({
      latent_scale: 'decoder',
      profile: 'flux',
      source: 'photo.png',
      scale: '2',
    });
    expect(photoIn.report.output).toMatchObject({ pixels: null, dtype: 'F32' });
    const latentIn = await upscale(at('halves-z.safetensors'), at('out.webp'), ...vae);
    expect(levelsOf(await picture('out.webp'))).toEqual(levelsOf(await picture('halves.png')));
    expect(latentIn.report.input).toMatchObject({ pixels: null, dtype: 'F32', shape: [1, 16, 2, 3] });
  });

  it('a latent in the diffusion scale is brought to the decoder’s before it is decoded', async () => {
    await stepByStep('scales');
    const { shape, values } = await latentOf(at('scales-z.safetensors'));
    const flux = profileOf('flux');
    const input = writeLatent(at('diffusion.safetensors'), shape, {
      values: toDiffusion(values, shape, flux),
    });
    await upscale(input, at('diffusion.png'), ...vae, '--latent-scale', 'diffusion', '--profile', 'flux');
    const expected = levelsOf(await picture('scales.png'));
    const differences = levelsOf(await picture('diffusion.png')).map(
      (level, i) => level - (expected[i] as number),
    );
    expect(Math.max(...differences.map(Math.abs))).toBeLessThanOrEqual(1);
  });
});

describe('--model-scale', () => {
  it('diffusion: the model gets the diffusion scale, whatever comes in', async () => {
    const flux = profileOf('flux');
    const shape = [1, 16, 3, 4];
    const values = (await latentOf(writeLatent(at('raw.safetensors'), shape))).values;
    // As the model takes it: nothing is converted without options.
    await upscale(at('raw.safetensors'), at('raw-x2.safetensors'));
    const expected = toDecoder((await latentOf(at('raw-x2.safetensors'))).values, [1, 16, 6, 8], flux);
    const ready = toDecoder(values, shape, flux);
    const metadata = { profile: 'flux', latent_scale: 'decoder' };
    const input = writeLatent(at('ready.safetensors'), shape, { values: ready, metadata });
    const { report } = await upscale(input, at('ready-x2.safetensors'), '--model-scale', 'diffusion');
    const result = await latentOf(at('ready-x2.safetensors'));
    const largest = Math.max(...expected.map(Math.abs));
    const error = Math.max(...result.values.map((value, i) => Math.abs(value - (expected[i] as number))));
    expect(error).toBeLessThan(1e-5 * largest);
    expect([report.latentScale, result.metadata.latent_scale]).toEqual(['decoder', 'decoder']);
    const same = await upscale(input, at('same-x2.safetensors'), '--model-scale', 'decoder');
    await upscale(input, at('plain-x2.safetensors'));
    expect((await latentOf(at('same-x2.safetensors'))).values).toEqual(
      (await latentOf(at('plain-x2.safetensors'))).values,
    );
    expect(same.stderr).not.toContain('warning: /');
  });

  it('for a photo, too', async () => {
    const options = ['--model-scale', 'diffusion'];
    await command('encode', at('photo.png'), ...vae, '--out', at('m.safetensors'));
    await upscale(at('m.safetensors'), at('m-latent.png'), ...vae, ...options);
    await upscale(at('photo.png'), at('m-photo.png'), ...vae, ...options);
    await upscale(at('photo.png'), at('m-plain.png'), ...vae);
    expect(levelsOf(await picture('m-photo.png'))).toEqual(levelsOf(await picture('m-latent.png')));
    expect(levelsOf(await picture('m-photo.png'))).not.toEqual(levelsOf(await picture('m-plain.png')));
  });
});

describe('--compare', () => {
  it('sets input, latent, result and original side by side, with PSNR', async () => {
    const original = smoothPicture(56, 40);
    await writeImage(at('original.png'), original);
    const options = [...vae, '--compare', at('strip.png'), '--original', at('original.png')];
    const { report } = await upscale(at('photo.png'), at('compared.png'), ...options);
    const result = await picture('compared.png');
    const cropped = { width: 48, height: 32 };
    const corner = ({ width, data }: RgbImage, size = cropped) => ({
      ...size,
      data: Float32Array.from(
        { length: 3 * size.width * size.height },
        (_, i) =>
          data[
            3 * (Math.floor(i / 3 / size.width) * width + (Math.floor(i / 3) % size.width)) + (i % 3)
          ] as number,
      ),
    });
    const input = corner(photo, { width: 24, height: 16 });
    expect(report.compare.path).toBe(at('strip.png'));
    expect(report.compare.psnr.lua).toBeCloseTo(psnr(result, corner(original)), 9);
    expect(report.compare.psnr.bicubic).toBeCloseTo(psnr(resizeImage(input, 48, 32), corner(original)), 9);
    expect(report.compare.psnr.bicubicLatent).toBeGreaterThan(0);
    // Columns as wide as the labels, which are wider than these pictures: 6 pixels a character and 12 between labels.
    const strip = await picture('strip.png');
    const labels = [
      'INPUT, BICUBIC ×2',
      'LATENT, BICUBIC ×2',
      `${report.compare.psnr.lua.toFixed(2)} dB`,
      'ORIGINAL',
    ];
    const columns = labels.map(({ length }) => Math.max(48, 6 * length + 12));
    expect(strip.width).toBe(4 + columns.reduce((sum, column) => sum + column + 4, 0));
    expect(strip.height).toBe(4 + 32 + 4 + 2 * 10);
    // More than the space between two words.
    expect(inkStretches(strip, 4 + 32 + 4, 12)).toHaveLength(4);
  });

  it('of a latent decodes the input, and without an original there is no PSNR', async () => {
    const input = writeLatent(at('c.safetensors'), [1, 16, 2, 3]);
    const { report } = await upscale(input, at('c-x2.safetensors'), ...vae, '--compare', at('c.png'));
    expect(report.compare).toEqual({ path: at('c.png'), psnr: null });
    expect(report.output).toMatchObject({ pixels: null, dtype: 'F32' });
    const strip = await picture('c.png');
    expect(strip.height).toBe(4 + 32 + 4 + 10);
    expect(inkStretches(strip, 4 + 32 + 4, 12)).toHaveLength(3);
  });
});

it.each(['SIGINT', 'SIGTERM'] as const)('%s leaves neither picture nor comparison', async (signal) => {
  await writeImage(at('large.png'), smoothPicture(1024, 1024));
  const files = [at(`never-${signal}.png`), at(`never-${signal}-strip.png`)];
  const [out = '', strip = ''] = files;
  const args = [
    'upscale',
    at('large.png'),
    ...vae,
    ...model,
    '--out',
    out,
    '--compare',
    strip,
    '--tile',
    '8',
  ];
  const { code, stdout, stderr } = await runCli([...args, '--json'], {
    onStart: (child) =>
      child.stderr?.on('data', (text: string) => {
        if (text.includes('UNTRAINED')) setTimeout(() => child.kill(signal), 300);
      }),
  });
  expect(code, stderr).toBe(signal === 'SIGINT' ? 130 : 143);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'interrupted' } });
  for (const path of files) expect(existsSync(path)).toBe(false);
  expect(readdirSync(folder).filter((name) => name.includes('never') || name.endsWith('.tmp'))).toEqual([]);
});
