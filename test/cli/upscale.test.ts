import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  configToJson,
  packLatent,
  preset,
  pretrainedEntry,
  pretrainedUrl,
  profileOf,
  toDecoder,
  toDiffusion,
} from '@lua-webgpu/lua-model';
import {
  encodeSafetensors,
  fromFloat32,
  parseSafetensors,
  readTensorFile,
  toFloat32,
  toFloat64,
} from '@lua-webgpu/tensor';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { goldenPath } from '../golden/load.ts';
import { runCli, runHere, temporaryFolder, writeLatent } from './run.ts';

const folder = temporaryFolder();
const inFolder = (name: string) => join(folder, name);

beforeAll(() => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
});

async function readOut(name: string) {
  const { tensors, metadata } = await readTensorFile(inFolder(name));
  const latent = tensors.get('latent');
  if (!latent || tensors.size !== 1) throw new Error(`${name} holds ${[...tensors.keys()]}`);
  return {
    dtype: latent.dtype,
    shape: latent.shape,
    values: toFloat32(latent),
    metadata: Object.fromEntries(metadata),
  };
}

/** Upscales with the untrained `tiny` model, in this process, and gives back the result. */
async function tiny(input: string, out: string, ...options: string[]) {
  const args = [
    'upscale',
    input,
    '--scale',
    '2',
    '--out',
    inFolder(out),
    '--preset',
    'tiny',
    '--json',
    ...options,
  ];
  const { code, stdout, stderr } = await runHere(args);
  expect(stderr).toContain('UNTRAINED');
  expect(code, stderr).toBe(0);
  return { ...(await readOut(out)), report: JSON.parse(stdout), stderr };
}

/** Largest |difference| relative to the largest |expected|; infinite where anything is NaN. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number));
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, difference);
    largest = Math.max(largest, Math.abs(expected[i] as number));
  }
  return error / largest;
}

describe('as a process', () => {
  it('upscales, reports one JSON object and writes metadata', async () => {
    const input = writeLatent(inFolder('in.safetensors'), [1, 16, 8, 11], {
      metadata: {
        profile: 'flux',
        latent_scale: 'decoder',
        author: 'A. Nyone',
        licence: 'CC0-1.0',
        pixels: '64x88',
      },
    });
    const weights = goldenPath('released_window16.pth');
    const config = inFolder('config.json');
    const golden = parseSafetensors(readFileSync(goldenPath('released_window16.safetensors')), 'golden');
    writeFileSync(config, golden.metadata.get('config') ?? '');
    const out = inFolder('out.safetensors');
    const args = [
      'upscale',
      input,
      '--scale',
      '4',
      '--out',
      out,
      '--weights',
      weights,
      '--config',
      config,
      '--json',
    ];
    const { code, stdout, stderr } = await runCli(args);
    expect(code, stderr).toBe(0);
    expect(stdout.endsWith('}\n') && stdout.split('\n').length === 2).toBe(true);
    expect(stderr).toMatch(/^lua-webgpu: running on SwiftShader/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    const report = JSON.parse(stdout);
    const sha256 = createHash('sha256').update(readFileSync(weights)).digest('hex');
    expect(report).toMatchObject({
      adapter: { kind: 'software' },
      input: { path: input, dtype: 'F32', shape: [1, 16, 8, 11], packedShape: null },
      output: { path: out, dtype: 'F32', shape: [1, 16, 32, 44] },
      scale: 4,
      profile: 'flux',
      latentScale: 'decoder',
      weights: { name: 'released_window16.pth', sha256, trained: true },
    });
    const phases = ['input', 'open', 'load', 'upscale', 'read', 'write', 'total'];
    expect(Object.keys(report.ms)).toEqual(phases);
    for (const phase of phases) expect(report.ms[phase]).toBeGreaterThan(0);
    expect(report.peakBytes).toBeGreaterThan(1e5);
    const result = await readOut('out.safetensors');
    expect(result).toMatchObject({ dtype: 'F32', shape: [1, 16, 32, 44] });
    expect(result.metadata).toEqual({
      scale: '4',
      profile: 'flux',
      latent_scale: 'decoder',
      weights: 'released_window16.pth',
      weights_sha256: sha256,
      version: expect.stringMatching(/^lua-webgpu \d+\.\d+\.\d+/),
      author: 'A. Nyone',
      licence: 'CC0-1.0',
    });
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s stops it and leaves no file', async (signal) => {
    const input = writeLatent(inFolder('large.safetensors'), [1, 4, 512, 512]);
    const out = inFolder(`never-${signal}.safetensors`);
    const args = [
      'upscale',
      input,
      '--scale',
      '4',
      '--out',
      out,
      '--preset',
      'tiny',
      '--tile',
      '64',
      '--json',
    ];
    const { code, stdout, stderr } = await runCli(args, {
      onStart: (child) =>
        child.stderr?.on('data', (text: string) => {
          if (!text.includes('UNTRAINED')) return;
          // By then the first of the thousand tiles are at work; all of them would outlast the test's time limit.
          setTimeout(() => child.kill(signal), 1000);
        }),
    });
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(stderr).toMatch(/error \[interrupted\]: stopped by SIG/);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'interrupted' } });
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('never'))).toEqual([]);
  });
});

describe('input and output', () => {
  it('a lone tensor of another name, float16, gives float16', async () => {
    const input = writeLatent(inFolder('half.safetensors'), [2, 4, 8, 8], { name: 'z', dtype: 'F16' });
    const { dtype, shape, metadata, report } = await tiny(input, 'half-out.safetensors');
    expect([dtype, shape]).toEqual(['F16', [2, 4, 16, 16]]);
    expect(metadata).toMatchObject({
      latent_scale: 'unspecified',
      weights: 'untrained (preset tiny, seed 0)',
    });
    expect(metadata).not.toHaveProperty('profile');
    expect(metadata).not.toHaveProperty('weights_sha256');
    expect(report.weights).toEqual({ name: 'untrained (preset tiny, seed 0)', sha256: null, trained: false });
  });

  it('bfloat16 gives bfloat16, float64 gives float32', async () => {
    const brain = writeLatent(inFolder('brain.safetensors'), [1, 4, 3, 1], { dtype: 'BF16' });
    expect(await tiny(brain, 'brain-out.safetensors')).toMatchObject({ dtype: 'BF16', shape: [1, 4, 6, 2] });
    const double = writeLatent(inFolder('double.safetensors'), [1, 4, 3, 1], { dtype: 'F64' });
    expect(await tiny(double, 'double-out.safetensors')).toMatchObject({ dtype: 'F32', shape: [1, 4, 6, 2] });
  });

  it("FLUX's packed form gives what the plain one does", async () => {
    const plain = writeLatent(inFolder('plain.safetensors'), [1, 16, 6, 10]);
    const values = toFloat32((await readTensorFile(plain)).tensors.get('latent') as never);
    const packed = packLatent(values, [1, 16, 6, 10]);
    expect(packed.shape).toEqual([1, 15, 64]);
    const input = writeLatent(inFolder('packed.safetensors'), packed.shape, { values: packed.data });
    const expected = await tiny(plain, 'plain-out.safetensors');
    const actual = await tiny(input, 'packed-out.safetensors', '--size', '6x10');
    expect(actual.shape).toEqual([1, 16, 12, 20]);
    expect(actual.values).toEqual(expected.values);
    expect(actual.report.input).toMatchObject({ shape: [1, 16, 6, 10], packedShape: [1, 15, 64] });
    expect(actual.metadata.profile).toBe('flux');
  });

  it('tiles give nearly what the whole does, and with the default overlap too', async () => {
    const input = writeLatent(inFolder('tiles.safetensors'), [1, 4, 32, 9]);
    const whole = await tiny(input, 'whole-out.safetensors');
    const tiles = await tiny(input, 'tiles-out.safetensors', '--tile', '8', '--overlap', '16');
    const error = relativeError(tiles.values, whole.values);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.2);
    expect((await tiny(input, 'tiles-default.safetensors', '--tile', '8')).values).toEqual(tiles.values);
  });
});

it('--bound 0 of a constant latent gives that constant', async () => {
  const input = inFolder('constant.safetensors');
  const constant = fromFloat32(new Float32Array(4 * 64).fill(1.5), [1, 4, 8, 8], 'F32');
  writeFileSync(input, encodeSafetensors(new Map([['latent', constant]])));
  const { values } = await tiny(input, 'bounded.safetensors', '--bound', '0');
  expect(values).toEqual(new Float32Array(4 * 256).fill(1.5));
});

it('a terminal sees the progress, and no trace of it afterwards', async () => {
  const input = writeLatent(inFolder('progress.safetensors'), [1, 4, 9, 8]);
  const args = ['upscale', input, '--scale', '2', '--out', inFolder('progress-out.safetensors')];
  const { code, stdout, stderr } = await runHere([...args, '--preset', 'tiny', '--tile', '8'], {
    terminal: true,
  });
  expect(code).toBe(0);
  expect(stdout).not.toContain('\x1b');
  const steps = stderr.split('\r\x1b[K');
  expect(steps.filter((step) => /^upscaling [█░]{24} [012]\/2$/.test(step))).toHaveLength(3);
  expect(steps.at(-1)).not.toMatch(/upscaling/);
});

describe('--latent-scale', () => {
  const shape = [1, 16, 8, 8];
  const flux = profileOf('flux');

  it('diffusion: converted for the model and back', async () => {
    const diffusion = writeLatent(inFolder('diffusion.safetensors'), shape);
    const values = toFloat32((await readTensorFile(diffusion)).tensors.get('latent') as never);
    const decoder = writeLatent(inFolder('decoder.safetensors'), shape, {
      values: toDecoder(values, shape, flux),
    });
    const expected = await tiny(decoder, 'decoder-out.safetensors', '--latent-scale', 'decoder');
    expect(expected.metadata).toMatchObject({ latent_scale: 'decoder' });
    const options = ['--latent-scale', 'diffusion', '--profile', 'flux'];
    const actual = await tiny(diffusion, 'diffusion-out.safetensors', ...options);
    expect(actual.metadata).toMatchObject({ latent_scale: 'diffusion', profile: 'flux' });
    expect(actual.report).toMatchObject({ latentScale: 'diffusion', profile: 'flux' });
    expect(actual.values).toEqual(toDiffusion(expected.values, expected.shape, flux));
    const raw = await tiny(diffusion, 'raw-out.safetensors', '--profile', 'flux');
    expect(raw.metadata).toMatchObject({ latent_scale: 'unspecified', profile: 'flux' });
    expect(relativeError(raw.values, actual.values)).toBeGreaterThan(1e-3);
  });

  it('takes the profile from the file, and warns where file and option disagree', async () => {
    const metadata = { profile: 'flux', latent_scale: 'diffusion' };
    const input = writeLatent(inFolder('stated.safetensors'), shape, { metadata });
    const silent = await tiny(input, 'stated-out.safetensors', '--latent-scale', 'diffusion');
    expect(silent.metadata).toMatchObject(metadata);
    expect(silent.stderr).not.toContain('diffusion');
    const none = await tiny(input, 'stated-none.safetensors');
    expect(none.metadata).toMatchObject(metadata);
    expect(none.stderr).toMatch(/warning: .*diffusion scale; nothing is converted/);
    const other = await tiny(input, 'stated-decoder.safetensors', '--latent-scale', 'decoder');
    expect(other.metadata.latent_scale).toBe('decoder');
    expect(other.stderr).toMatch(/warning: .*--latent-scale decoder overrules it/);
    expect(other.values).toEqual(none.values);
  });
});

/** A folder with a trained model in the released layout, its configuration, and what PyTorch makes of two latents. */
const trained = process.env.LUA_WEBGPU_WEIGHTS;
if (!trained) console.log('not run: a trained model against PyTorch (LUA_WEBGPU_WEIGHTS names no folder)');

it.runIf(trained)('a trained model agrees with PyTorch to 1e-5 of the maximum', async () => {
  const model = join(trained ?? '', 'lua-calibration-taef1-x2');
  const { tensors } = await readTensorFile(`${model}-example.safetensors`);
  for (const name of ['dog', 'flowers']) {
    const latent = tensors.get(`${name}/latent`);
    const golden = tensors.get(`${name}/x2`);
    if (!latent || !golden) throw new Error(`${name} is not in the example file`);
    const input = inFolder(`${name}.safetensors`);
    writeFileSync(input, encodeSafetensors(new Map([['latent', latent]])));
    const out = `${name}-out.safetensors`;
    const args = [
      'upscale',
      input,
      '--scale',
      '2',
      '--out',
      inFolder(out),
      '--weights',
      `${model}.safetensors`,
    ];
    const { code, stderr } = await runHere([...args, '--profile', 'flux']);
    expect(code, stderr).toBe(0);
    const { values, shape } = await readOut(out);
    expect(shape).toEqual(golden.shape);
    const error = relativeError(values, toFloat64(golden));
    console.log(`${name}: ${error.toExponential(2)} of the maximum`);
    expect(error).toBeLessThanOrEqual(1e-5);
  }
});

it('--weights takes the id of a repository in the cache of the Hugging Face hub', async () => {
  const repository = inFolder('hub/models--someone--lua');
  mkdirSync(join(repository, 'snapshots/abc'), { recursive: true });
  mkdirSync(join(repository, 'refs'));
  writeFileSync(join(repository, 'refs/main'), 'abc');
  copyFileSync(pretrainedUrl('flux-small'), join(repository, 'snapshots/abc/model.safetensors'));
  vi.stubEnv('HF_HUB_CACHE', inFolder('hub'));
  const input = writeLatent(inFolder('hub-in.safetensors'), [1, 16, 8, 8]);
  const args = [
    'upscale',
    input,
    '--scale',
    '2',
    '--weights',
    'someone/lua',
    '--out',
    inFolder('hub-out.safetensors'),
  ];
  const { code, stdout, stderr } = await runHere([...args, '--json']);
  vi.unstubAllEnvs();
  expect(code, stderr).toBe(0);
  const { sha256 } = pretrainedEntry('flux-small');
  expect(JSON.parse(stdout).weights).toEqual({ name: 'model.safetensors', sha256, trained: true });
});

it('the configuration beside an untrained model is as good as its preset', async () => {
  const input = writeLatent(inFolder('config-in.safetensors'), [1, 4, 8, 8]);
  const config = inFolder('tiny.json');
  writeFileSync(config, JSON.stringify(configToJson(preset('tiny', { in_chans: 4 }))));
  const args = [
    'upscale',
    input,
    '--scale',
    '2',
    '--out',
    inFolder('config-out.safetensors'),
    '--config',
    config,
  ];
  const { code, stderr } = await runHere(args);
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('untrained (tiny.json, seed 0)');
  const expected = await tiny(input, 'preset-out.safetensors');
  expect((await readOut('config-out.safetensors')).values).toEqual(expected.values);
});
