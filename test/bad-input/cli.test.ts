/** What people pass to `lua-webgpu upscale` by mistake: each row ends with its exit code, an error code and a way out. */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { configToJson, preset } from '@lua-webgpu/lua-model';
import { encodeSafetensors, fromFloat32 } from '@lua-webgpu/tensor';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runHere, temporaryFolder, writeLatent } from '../cli/run.ts';
import { goldenPath } from '../golden/load.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const out = at('out.safetensors');

beforeAll(() => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
});

afterEach(() => {
  expect(existsSync(out), 'a failed run leaves no file').toBe(false);
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

/** Upscales with the untrained `tiny` model unless the options name another. */
async function attempt(input: string, ...options: string[]) {
  const model = options.some((each) => /^--(weights|config|preset)$/.test(each)) ? [] : ['--preset', 'tiny'];
  const where = options.includes('--out') ? [] : ['--out', out];
  const { code, stdout, stderr } = await runHere([
    'upscale',
    input,
    '--scale',
    '2',
    '--json',
    ...where,
    ...model,
    ...options,
  ]);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; fix: string } };
  expect(stderr).toContain(`error [${error.code}]: ${error.message}\nfix: ${error.fix}\n`);
  return { exit: code, ...error };
}

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(at(name), content);
  return at(name);
}

function writeTensors(name: string, shapes: Readonly<Record<string, readonly number[]>>): string {
  const tensors = Object.entries(shapes).map(([key, shape]) => {
    return [key, fromFloat32(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)] as const;
  });
  return write(name, encodeSafetensors(new Map(tensors)));
}

const fine = () => writeLatent(at('fine.safetensors'), [1, 4, 8, 8]);

describe('the latent', () => {
  const truncated = () => write('truncated.safetensors', readFileSync(fine()).subarray(0, -7));
  const html = '<!DOCTYPE html>\n<html><body>404</body></html>';
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
  const integers = () => {
    const bytes = new Uint8Array(4 * 64 * 4);
    return write(
      'i32.safetensors',
      encodeSafetensors(new Map([['latent', { dtype: 'I32', shape: [1, 4, 8, 8], bytes }]])),
    );
  };
  const table: [
    name: string,
    input: () => string,
    exit: number,
    code: string,
    message: RegExp,
    fix: RegExp,
  ][] = [
    ['missing', () => at('none.safetensors'), 3, 'file-not-found', /none\.safetensors/, /path/],
    ['a folder', () => folder, 3, 'file-unreadable', /is a folder/, /./],
    ['truncated', truncated, 3, 'safetensors-truncated', /truncated\.safetensors/, /again/i],
    ['empty', () => write('empty.safetensors', ''), 3, 'safetensors-too-short', /empty\.safetensors/, /./],
    ['HTML', () => write('page.safetensors', html), 3, 'file-is-html', /HTML/, /[Dd]ownload/],
    ['a picture', () => write('p.safetensors', png), 3, 'file-is-image', /PNG/, /picture/],
    [
      'no tensors',
      () => write('nil.safetensors', encodeSafetensors(new Map())),
      3,
      'latent-none',
      /nothing/,
      /latent/,
    ],
    [
      'weights',
      () => goldenPath('tiny_window8.pth'),
      3,
      'latent-ambiguous',
      /conv_first/,
      /behind --weights/,
    ],
    [
      'two candidates',
      () => writeTensors('two.safetensors', { a: [1, 4, 8, 8], b: [1, 4, 8, 8] }),
      3,
      'latent-ambiguous',
      /a F32 \[1, 4, 8, 8\], b F32/,
      /Name the one that is meant latent/,
    ],
    ['integers', integers, 3, 'file-dtype', /I32/, /F32/],
    [
      'rank 2',
      () => writeTensors('r2.safetensors', { latent: [8, 8] }),
      3,
      'latent-shape',
      /\[8, 8\]/,
      /B, C, h, w/,
    ],
    [
      'rank 3, not packed',
      () => writeTensors('r3.safetensors', { latent: [4, 8, 8] }),
      3,
      'latent-shape',
      /\[4, 8, 8\]/,
      /64/,
    ],
    [
      'rank 5',
      () => writeTensors('r5.safetensors', { latent: [1, 4, 1, 8, 8] }),
      3,
      'latent-shape',
      /5|\[1, 4, 1, 8, 8\]/,
      /B, C, h, w/,
    ],
    [
      'an empty side',
      () => writeTensors('zero.safetensors', { latent: [1, 4, 0, 8] }),
      3,
      'latent-shape',
      /0, 8/,
      /no empty side/,
    ],
    [
      'packed and not square',
      () => writeTensors('packed.safetensors', { latent: [1, 15, 64] }),
      2,
      'latent-size',
      /15 tokens/,
      /--size 6x10/,
    ],
    [
      '3 channels',
      () => writeLatent(at('rgb.safetensors'), [1, 3, 8, 8]),
      3,
      'latent-channels',
      /3 channels/,
      /SDXL.*4.*FLUX 16/,
    ],
    ['NaN', () => withValue(Number.NaN), 7, 'non-finite', /NaN/, /scale|overflow/],
    ['infinity', () => withValue(Number.NEGATIVE_INFINITY), 7, 'non-finite', /1 value.*\[0, 2, 1, 3\]/, /./],
  ];
  it.each(table)('%s', async (_name, input, exit, code, message, fix) => {
    const error = await attempt(input());
    expect(error).toMatchObject({ exit, code });
    expect(error.message).toMatch(message);
    expect(error.fix).toMatch(fix);
  });

  function withValue(value: number): string {
    const values = new Float32Array(4 * 8 * 8);
    values[2 * 64 + 8 + 3] = value;
    return writeLatent(at('value.safetensors'), [1, 4, 8, 8], { values });
  }

  it('a size of the image in place of the latent', async () => {
    const input = writeTensors('packed2.safetensors', { latent: [1, 15, 64] });
    expect(await attempt(input, '--size', '48x80')).toMatchObject({
      exit: 2,
      fix: expect.stringContaining('--size 6x10'),
    });
  });
  it('a size for a latent that is not packed', async () => {
    expect(await attempt(fine(), '--size', '8x8')).toMatchObject({ exit: 2, code: 'usage-size' });
  });
});

describe('model and options', () => {
  const broken = { ...configToJson(preset('tiny', { in_chans: 4 })), embed_dims: 32 };
  const json = (name: string, value: unknown) => write(name, JSON.stringify(value));
  const released = goldenPath('released_window16.pth');
  const table: [name: string, options: () => string[], exit: number, code: string, fix: RegExp][] = [
    ['weights missing', () => ['--weights', at('no.safetensors')], 3, 'file-not-found', /path/],
    [
      'a latent for weights',
      () => ['--weights', writeLatent(at('l.safetensors'), [1, 4, 8, 8])],
      3,
      'config-unrecognised',
      /weights/,
    ],
    [
      'weights with code inside',
      () => ['--weights', goldenPath('pth_foreign_global.pth')],
      3,
      'pth-global',
      /./,
    ],
    ['weights of other channels', () => ['--weights', released], 3, 'latent-channels', /SDXL.*FLUX/],
    [
      'weights of another preset',
      () => ['--weights', released, '--preset', 'tiny'],
      3,
      'state-dict-mismatch',
      /./,
    ],
    ['config missing', () => ['--config', at('no.json')], 3, 'file-unreadable', /JSON/],
    ['config that is no JSON', () => ['--config', write('c.json', '{')], 3, 'config-json', /JSON/],
    [
      'config with an unknown key',
      () => ['--config', json('k.json', broken)],
      3,
      'config-unknown-key',
      /embed_dim/,
    ],
    [
      'no head for the scale',
      () => ['--config', json('h.json', configToJson(preset('tiny', { in_chans: 4, scales: [4] })))],
      2,
      'scale-missing',
      /×4/,
    ],
    ['a tile beside the window', () => ['--tile', '12'], 2, 'tile-size', /8, 16/],
    ['an overlap beside the window', () => ['--tile', '8', '--overlap', '4'], 2, 'tile-size', /8, 16/],
    [
      'diffusion scale of whom',
      () => ['--latent-scale', 'diffusion'],
      2,
      'usage-profile',
      /--profile flux\|sd3\|sdxl/,
    ],
    ['a profile of other channels', () => ['--profile', 'flux'], 3, 'latent-channels', /--profile sdxl/],
    ['an adapter that is not there', () => ['--adapter', 'Voodoo2'], 4, 'adapter-unknown', /swiftshader/],
  ];
  it.each(table)('%s', async (_name, options, exit, code, fix) => {
    const error = await attempt(fine(), ...options());
    expect(error).toMatchObject({ exit, code });
    expect(error.fix).toMatch(fix);
  });
});

describe('the output', () => {
  it('is the input, by whatever name', async () => {
    const input = fine();
    const before = readFileSync(input);
    linkSync(input, at('hard.safetensors'));
    symlinkSync(input, at('soft.safetensors'));
    for (const path of [
      input,
      join(folder, '.', 'fine.safetensors'),
      at('hard.safetensors'),
      at('soft.safetensors'),
    ]) {
      expect(await attempt(input, '--out', path)).toMatchObject({ exit: 2, code: 'usage-out-is-input' });
    }
    expect(readFileSync(input)).toEqual(before);
  });

  it('is the weights', async () => {
    const weights = write('w.pth', readFileSync(goldenPath('tiny_window8.pth')));
    expect(await attempt(fine(), '--weights', weights, '--out', weights)).toMatchObject({
      code: 'usage-out-is-input',
    });
  });

  const places: [name: string, path: () => string, message: RegExp][] = [
    ['in a folder that is not there', () => at('none/out.safetensors'), /ENOENT/],
    ['below a file', () => join(fine(), 'out.safetensors'), /not a folder|ENOTDIR/],
    ['a folder', () => folder, /is a folder/],
    ['a device', () => '/dev/null', /not a regular file/],
  ];
  it.each(places)('%s', async (_name, path, message) => {
    const error = await attempt(fine(), '--out', path());
    expect(error).toMatchObject({ exit: 3, code: 'file-unwritable' });
    expect(error.message).toMatch(message);
  });

  it.runIf(process.getuid?.() !== 0)('in a folder without permission', async () => {
    mkdirSync(at('locked'), { mode: 0o500 });
    expect(await attempt(fine(), '--out', at('locked/out.safetensors'))).toMatchObject({
      exit: 3,
      code: 'file-unwritable',
    });
  });
});
