/** encode, decode and roundtrip on small pictures, with a small VAE of seeded weights. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Device, openDevice } from '@lua-webgpu/kernels';
import {
  cropToMultiple,
  imageToTensor,
  loadVae,
  packLatent,
  profileOf,
  type RgbImage,
  readImage,
  tensorToImage,
  toDiffusion,
  type Vae,
  writeImage,
} from '@lua-webgpu/lua-model';
import { openScope, readTensorFile, toFloat32 } from '@lua-webgpu/tensor';
import { psnr } from '@lua-webgpu/train';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { levelsOf, rawPicture, smoothPicture } from '../support/pictures.ts';
import { runHere, temporaryFolder, writeLatent } from './run.ts';
import { writeTinyVae } from './tiny-vae.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const photo = smoothPicture(45, 34);

let vaePath = '';
let device: Device;
let vae: Vae;
beforeAll(async () => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
  await writeImage(at('photo.png'), photo);
  vaePath = await writeTinyVae(folder);
  device = await openDevice({ adapter: 'swiftshader' });
  vae = await loadVae(device, vaePath);
});
afterAll(() => device.destroy());

async function command(...args: string[]) {
  const { code, stdout, stderr } = await runHere([...args, '--vae', vaePath, '--json']);
  expect(code, stderr).toBe(0);
  return { report: JSON.parse(stdout), stderr };
}

async function readLatentFile(path: string) {
  const { tensors, metadata } = await readTensorFile(path);
  const latent = tensors.get('latent');
  if (!latent || tensors.size !== 1) throw new Error(`${path} holds ${[...tensors.keys()]}`);
  return { ...latent, values: toFloat32(latent), metadata: Object.fromEntries(metadata) };
}

/** What the library makes of a picture. */
async function encoded(image: RgbImage) {
  using scope = openScope(device);
  const latent = vae.encode(imageToTensor(scope, image));
  return { values: await latent.readFloats(), shape: latent.shape };
}

async function decoded(latent: { values: Float32Array; shape: readonly number[] }): Promise<RgbImage> {
  using scope = openScope(device);
  return await tensorToImage(vae.decode(scope.tensor(latent.values, latent.shape)));
}

describe('encode', () => {
  it('writes the latent of a photo, decoder-ready, with what is known about it', async () => {
    const { report, stderr } = await command('encode', at('photo.png'), '--out', at('z.safetensors'));
    expect(stderr).toContain('photo.png: cropped from 45×34 pixels to 40×32 pixels');
    const expected = await encoded(cropToMultiple(photo, 8));
    expect(expected.shape).toEqual([1, 16, 4, 5]);
    const { dtype, shape, values, metadata } = await readLatentFile(at('z.safetensors'));
    expect([dtype, shape, values]).toEqual(['F32', expected.shape, expected.values]);
    expect(metadata).toEqual({
      profile: 'flux',
      latent_scale: 'decoder',
      pixels: '32x40',
      source: 'photo.png',
      vae: 'tiny-flux-whole.safetensors',
      version: expect.stringMatching(/^lua-webgpu \d/),
    });
    expect(report).toMatchObject({
      adapter: { kind: 'software' },
      vae: { path: vaePath, kind: 'AutoencoderTiny', profile: 'flux' },
      photos: [
        { input: at('photo.png'), output: at('z.safetensors'), pixels: [32, 40], shape: [1, 16, 4, 5] },
      ],
      ms: { encode: expect.any(Number) },
      peakBytes: expect.any(Number),
    });
  });

  it('several photos, and those of folders, into a folder', async () => {
    mkdirSync(at('set'));
    await writeImage(at('set/b.webp'), smoothPicture(16, 8));
    await writeImage(at('set/a.tiff'), smoothPicture(8, 16));
    writeFileSync(at('set/notes.txt'), 'no picture');
    const { report } = await command('encode', at('photo.png'), at('set'), '--out', at('latents'));
    expect(readdirSync(at('latents')).sort()).toEqual([
      'a.safetensors',
      'b.safetensors',
      'photo.safetensors',
    ]);
    expect(report.photos.map(({ input }: { input: string }) => input)).toEqual([
      at('photo.png'),
      at('set/a.tiff'),
      at('set/b.webp'),
    ]);
    expect((await readLatentFile(at('latents/a.safetensors'))).shape).toEqual([1, 16, 2, 1]);
    await command('encode', at('set/a.tiff'), '--out', at('set'));
    expect(existsSync(at('set/a.safetensors'))).toBe(true);
  });

  it('says on stderr what it changed about a picture', async () => {
    const transparent = at('transparent.png');
    await rawPicture(new Uint8Array(8 * 8 * 4).fill(100), 8, 4).toFile(transparent);
    const { stderr } = await command('encode', transparent, '--out', at('t.safetensors'));
    expect(stderr).toContain('transparent.png: its transparent parts are put on white');
  });
});

describe('decode', () => {
  it('writes the picture of a latent', async () => {
    const latent = await encoded(cropToMultiple(photo, 8));
    const input = writeLatent(at('d.safetensors'), latent.shape, { values: latent.values });
    const { report } = await command('decode', input, '--out', at('d.png'));
    const expected = await decoded(latent);
    expect(new Set(levelsOf(expected)).size).toBeGreaterThan(20);
    expect(levelsOf((await readImage(at('d.png'))).image)).toEqual(levelsOf(expected));
    expect(report).toMatchObject({
      input: { path: input, dtype: 'F32', shape: [1, 16, 4, 5], packedShape: null },
      output: { path: at('d.png'), pixels: [32, 40] },
      latentScale: 'unspecified',
      vae: { profile: 'flux' },
    });
  });

  it('brings the diffusion scale to the decoder’s, as the file or the option says', async () => {
    const latent = await encoded(cropToMultiple(photo, 8));
    const values = toDiffusion(latent.values, latent.shape, profileOf('flux'));
    const expected = levelsOf(await decoded(latent));
    const apart = async (name: string) => {
      const levels = levelsOf((await readImage(at(name))).image);
      return Math.max(...levels.map((level, i) => Math.abs(level - (expected[i] as number))));
    };
    const bare = writeLatent(at('bare.safetensors'), latent.shape, { values });
    const metadata = { latent_scale: 'diffusion' };
    const stated = writeLatent(at('stated.safetensors'), latent.shape, { values, metadata });
    await command('decode', bare, '--out', at('bare.png'));
    expect(await apart('bare.png')).toBeGreaterThan(1);
    await command('decode', bare, '--out', at('option.png'), '--latent-scale', 'diffusion');
    expect(await apart('option.png')).toBeLessThanOrEqual(1);
    const { report, stderr } = await command('decode', stated, '--out', at('stated.png'));
    expect(await apart('stated.png')).toBeLessThanOrEqual(1);
    expect([report.latentScale, stderr]).toEqual(['diffusion', expect.not.stringContaining('warning')]);
    const over = await command('decode', stated, '--out', at('over.png'), '--latent-scale', 'decoder');
    expect(await apart('over.png')).toBeGreaterThan(1);
    expect(over.stderr).toMatch(/warning: .*--latent-scale decoder overrules it/);
  });

  it('takes FLUX’s packed form', async () => {
    const latent = await encoded(smoothPicture(48, 32));
    const packed = packLatent(latent.values, latent.shape);
    const input = writeLatent(at('packed.safetensors'), packed.shape, { values: packed.data });
    await command('decode', input, '--size', '4x6', '--out', at('packed.png'));
    expect(levelsOf((await readImage(at('packed.png'))).image)).toEqual(levelsOf(await decoded(latent)));
  });

  it('warns when the latent says that it is of another family', async () => {
    const metadata = { profile: 'sd3' };
    const input = writeLatent(at('sd3.safetensors'), [1, 16, 1, 1], { metadata });
    const { stderr } = await command('decode', input, '--out', at('sd3.png'));
    expect(stderr).toMatch(/warning: .*a latent of sd3; the VAE is one of flux/);
  });
});

it('roundtrip measures encode and decode', async () => {
  mkdirSync(at('measured'));
  const others = [smoothPicture(16, 24), smoothPicture(24, 16)];
  await writeImage(at('measured/1.png'), others[0] as RgbImage);
  await writeImage(at('measured/2.png'), others[1] as RgbImage);
  const { report, stderr } = await command('roundtrip', at('photo.png'), at('measured'));
  const expected: number[] = [];
  for (const path of [at('photo.png'), at('measured/1.png'), at('measured/2.png')]) {
    const image = cropToMultiple((await readImage(path)).image, 8);
    expected.push(psnr(await decoded(await encoded(image)), image));
  }
  expect(report.photos.map((each: { psnr: number }) => each.psnr)).toEqual(expected);
  expect(report.mean.psnr).toBeCloseTo(expected.reduce((a, b) => a + b) / 3, 10);
  expect(new Set(expected).size).toBe(3);
  expect(report.photos[0]).toMatchObject({ path: at('photo.png'), pixels: [32, 40] });
  expect(report.mean.secondsPerMegapixel).toBeGreaterThan(0);
  expect(stderr).toContain('photo.png: cropped');
  const people = await runHere(['roundtrip', at('measured'), '--vae', vaePath]);
  expect(people.stdout).toMatch(/1\.png: 16×24 pixels, [\d.]+ dB, [\d.]+ s per megapixel\n/);
  expect(people.stdout).toMatch(/^mean of 2: [\d.]+ dB, [\d.]+ s per megapixel$/m);
});

it('no command leaves a temporary file', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
