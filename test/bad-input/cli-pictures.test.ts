/** What people pass by mistake to the commands that read and write pictures: exit code, error code, and a way out. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeImage } from '@lua-webgpu/lua-model';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runHere, temporaryFolder, writeLatent } from '../cli/run.ts';
import { writeTinyVae } from '../cli/tiny-vae.ts';
import { smoothPicture } from '../support/pictures.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const png = at('photo.png');
const out = at('out.png');
const latent = at('z.safetensors');

let vae = '';
let sdxl = '';
let half = '';
beforeAll(async () => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
  await writeImage(png, smoothPicture(16, 16));
  await writeImage(at('tiny.png'), smoothPicture(16, 7));
  writeFileSync(at('cut.png'), readFileSync(png).subarray(0, 80));
  writeLatent(latent, [1, 16, 2, 2]);
  mkdirSync(at('empty'));
  mkdirSync(at('twice'));
  await writeImage(at('twice/photo.webp'), smoothPicture(8, 8));
  vae = await writeTinyVae(folder);
  sdxl = await writeTinyVae(folder, { profile: 'sdxl' });
  half = await writeTinyVae(folder, { parts: ['encoder'] });
});

afterEach(() => {
  expect(existsSync(out), 'a failed run leaves no picture').toBe(false);
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

async function attempt(args: readonly string[]) {
  const { code, stdout, stderr } = await runHere([...args, '--json']);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; fix: string } };
  expect(stderr).toContain(`error [${error.code}]: ${error.message}\nfix: ${error.fix}\n`);
  return { exit: code, ...error };
}

type Row = [name: string, args: () => string[], exit: number, code: string, says: RegExp];

const rows = (table: Row[]) =>
  it.each(table)('%s', async (_name, args, exit, code, says) => {
    const error = await attempt(args());
    expect(error).toMatchObject({ exit, code });
    expect(`${error.message}\n${error.fix}`).toMatch(says);
  });

describe('encode', () => {
  const encode = (photo: string, ...options: string[]) => [
    'encode',
    photo,
    '--out',
    at('never.safetensors'),
    ...options,
  ];
  rows([
    [
      'a photo that is not there',
      () => encode(at('none.png'), '--vae', vae),
      3,
      'file-not-found',
      /none\.png/,
    ],
    ['a broken photo', () => encode(at('cut.png'), '--vae', vae), 3, 'image-broken', /truncated/],
    ['a latent for a photo', () => encode(latent, '--vae', vae), 3, 'image-is-safetensors', /PNG/],
    ['a photo that is too small', () => encode(at('tiny.png'), '--vae', vae), 3, 'image-small', /8×8/],
    [
      'too many pixels',
      () => encode(png, '--vae', vae, '--max-pixels', '255'),
      3,
      'image-pixels',
      /--max-pixels/,
    ],
    [
      'no whole number of pixels',
      () => encode(png, '--vae', vae, '--max-pixels', '1e6'),
      2,
      'usage-value',
      /whole/,
    ],
    ['a folder without pictures', () => encode(at('empty'), '--vae', vae), 3, 'image-none', /empty/],
    ['no VAE there', () => encode(png, '--vae', at('none')), 3, 'file-not-found', /none/],
    ['a photo for a VAE', () => encode(png, '--vae', png), 3, 'file-is-image', /PNG/],
    ['a VAE that is no VAE', () => encode(png, '--vae', latent), 3, 'vae-unrecognised', /TAESD/],
    [
      'another family',
      () => encode(png, '--vae', vae, '--profile', 'sdxl'),
      3,
      'latent-channels',
      /16 channels/,
    ],
    [
      'the photo as --out',
      () => ['encode', png, '--vae', vae, '--out', png],
      2,
      'usage-out-is-input',
      /--out/,
    ],
    [
      'two photos of one name',
      () => ['encode', png, at('twice'), '--vae', vae, '--out', at('names')],
      2,
      'usage-names',
      /photo\.png and .*photo\.webp/,
    ],
    [
      'a file for several photos',
      () => ['encode', png, at('tiny.png'), '--vae', vae, '--out', latent],
      3,
      'file-unwritable',
      /z\.safetensors/,
    ],
  ]);
  it('leaves nothing where it should not', () => {
    expect(existsSync(at('never.safetensors'))).toBe(false);
    expect(readdirSync(at('names'))).toEqual([]);
  });
});

describe('decode', () => {
  const decode = (input: string, ...options: string[]) => ['decode', input, '--out', out, ...options];
  rows([
    ['a picture for a latent', () => decode(png, '--vae', vae), 3, 'file-is-image', /PNG/],
    [
      'a VAE of other channels',
      () => decode(latent, '--vae', sdxl),
      3,
      'latent-channels',
      /16 channels.*takes 4/,
    ],
    [
      'two latents in one',
      () => decode(writeLatent(at('b2.safetensors'), [2, 16, 1, 1]), '--vae', vae),
      3,
      'latent-shape',
      /2 latents/,
    ],
    ['a VAE without a decoder', () => decode(latent, '--vae', half), 3, 'vae-part', /decoder/],
    ['not a number', () => decode(withNan(), '--vae', vae), 7, 'non-finite', /NaN/],
    [
      'no picture as --out',
      () => ['decode', latent, '--vae', vae, '--out', at('x.gif')],
      2,
      'image-extension',
      /\.png/,
    ],
    [
      'a place that is not there',
      () => ['decode', latent, '--vae', vae, '--out', at('none/x.png')],
      3,
      'file-unwritable',
      /Create the folder/,
    ],
    [
      'a folder as --out',
      () => ['decode', latent, '--vae', vae, '--out', at('empty')],
      2,
      'image-extension',
      /\.png/,
    ],
  ]);

  function withNan(): string {
    const values = new Float32Array(64);
    values[5] = Number.NaN;
    return writeLatent(at('nan.safetensors'), [1, 16, 2, 2], { values });
  }
});

describe('upscale', () => {
  const upscale = (input: string, ...options: string[]) => {
    const where = options.includes('--out') ? [] : ['--out', out];
    return ['upscale', input, '--scale', '2', '--preset', 'tiny', ...where, ...options];
  };
  const compare = ['--compare', at('strip.png')];
  rows([
    [
      'a photo without a VAE',
      () => upscale(png, '--out', at('n.safetensors')),
      2,
      'usage-vae',
      /photo\.png.*\n.*--vae PATH/,
    ],
    ['a picture without a VAE', () => upscale(latent), 2, 'usage-vae', /out\.png.*\n.*--vae PATH/],
    [
      'a comparison without a VAE',
      () => upscale(latent, '--out', at('n.safetensors'), ...compare),
      2,
      'usage-vae',
      /strip\.png/,
    ],
    [
      'a VAE for nothing',
      () => upscale(latent, '--out', at('n.safetensors'), '--vae', vae),
      2,
      'usage-vae',
      /nothing needs/,
    ],
    [
      'an original for nothing',
      () => upscale(latent, '--vae', vae, '--original', png),
      2,
      'usage-original',
      /--compare/,
    ],
    [
      'an original of another size',
      () => upscale(png, '--vae', vae, ...compare, '--original', png),
      2,
      'usage-original',
      /16×16 pixels.*32×32/,
    ],
    [
      'a comparison that is no picture',
      () => upscale(latent, '--vae', vae, '--compare', at('strip')),
      2,
      'image-extension',
      /\.png/,
    ],
    [
      'one file for both',
      () => upscale(latent, '--vae', vae, '--compare', out),
      2,
      'usage-out-is-compare',
      /two files/,
    ],
    [
      'the photo as --compare',
      () => upscale(png, '--vae', vae, '--compare', png),
      2,
      'usage-out-is-input',
      /input/,
    ],
    [
      'a scale for a photo',
      () => upscale(png, '--vae', vae, '--latent-scale', 'diffusion'),
      2,
      'usage-scale',
      /--model-scale/,
    ],
    [
      'a size for a photo',
      () => upscale(png, '--vae', vae, '--size', '2x2'),
      2,
      'usage-size',
      /Leave it out/,
    ],
    [
      'a model scale without the latent’s',
      () => upscale(latent, '--vae', vae, '--model-scale', 'diffusion'),
      2,
      'usage-scale',
      /--latent-scale/,
    ],
    ['a VAE of other channels', () => upscale(latent, '--vae', sdxl), 3, 'latent-channels', /takes 4/],
    ['a VAE without a decoder', () => upscale(png, '--vae', half), 3, 'vae-part', /decoder/],
    [
      'two latents in one',
      () => upscale(writeLatent(at('b2.safetensors'), [2, 16, 1, 1]), '--vae', vae),
      3,
      'latent-shape',
      /2 latents/,
    ],
  ]);
});

describe('roundtrip', () => {
  rows([
    ['a VAE without a decoder', () => ['roundtrip', png, '--vae', half], 3, 'vae-part', /decoder/],
    [
      'a broken photo among others',
      () => ['roundtrip', png, at('cut.png'), '--vae', vae],
      3,
      'image-broken',
      /cut\.png/,
    ],
  ]);
});
