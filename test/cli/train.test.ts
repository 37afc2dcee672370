/** prepare, train and eval, one after the other as a user would, on small pictures with a small VAE. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RgbImage, readImage, resizeImage, writeImage } from '@lua-webgpu/lua-model';
import { type FileTensor, readTensorFile, toFloat32 } from '@lua-webgpu/tensor';
import { psnr } from '@lua-webgpu/train';
import { beforeAll, describe, expect, it } from 'vitest';
import { noisePicture, smoothPicture } from '../support/pictures.ts';
import { runCli, runHere, temporaryFolder } from './run.ts';
import { writeTinyVae } from './tiny-vae.ts';

const folder = temporaryFolder();
const at = (...names: string[]) => join(folder, ...names);

const configuration = (vae: string) => `
version: 1
name: small
model:
  in_chans: 16
  img_size: 16
  window_size: 4
  img_range: 1
  depths: [2]
  embed_dim: 8
  num_heads: [2]
  mlp_ratio: 2
  resi_connection: 1conv
  head_num_feat: 8
  heads: [{ name: x2, scale: 2, out_chans: 16 }, { name: x4, scale: 4, out_chans: 16 }]
vae: { path: ${JSON.stringify(vae)}, profile: flux }
data: { train: ${JSON.stringify(at('data'))}, validation: ${JSON.stringify(at('data'))} }
stages:
  - { name: I, loss: { l1_latent: 1.0, fft_latent: 0.1 }, steps: 4, batch: 2, lr: 1.0e-2 }
  - { name: II, loss: { l1_latent: 1.0, downsample: 0.1, high_frequency: 0.05 }, steps: 2, batch: 2, lr: 1.0e-2, crop: 4 }
  - { name: III, loss: { l1_pixel: 10, fft_pixel: 1.0, eagle: 5.0e-5 }, steps: 2, batch: 2, lr: 1.0e-2, crop: 4 }
validation: { every: 4, samples: 1, pictures: 1 }
checkpoint: { every: 4 }
log: { every: 1 }
`;

let vae = '';
let stopped: Awaited<ReturnType<typeof json>>;
let resumed: Awaited<ReturnType<typeof json>>;
beforeAll(async () => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
  vae = await writeTinyVae(folder);
  mkdirSync(at('photos'));
  await writeImage(at('photos', 'a.png'), smoothPicture(128, 64));
  await writeImage(at('photos', 'b.png'), noisePicture(64, 64));
  writeFileSync(at('small.yaml'), configuration(vae));
  const { code, stderr } = await runHere([
    'prepare',
    at('photos'),
    ...['--vae', vae, '--out', at('data'), '--crop', '64', '--min-side', '64'],
  ]);
  expect(code, stderr).toBe(0);
  stopped = await json('train', at('small.yaml'), '--out', at('run'), '--max-steps', '5');
  resumed = await json('train', at('small.yaml'), '--out', at('run'), '--resume');
});

async function json(...args: string[]) {
  const { code, stdout, stderr } = await runHere([...args, '--json']);
  expect(code, stderr).toBe(0);
  return { report: JSON.parse(stdout), stderr };
}

describe('train', () => {
  it('stops where --max-steps says and goes on with --resume to all that a run folder holds', () => {
    expect(stopped.report).toMatchObject({ reason: 'max-steps', step: 5 });
    expect(resumed.report).toMatchObject({ reason: 'done', step: 8, skipped: 0 });

    const steps = resumed.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
      .filter(({ type, step }) => type === 'progress' && step !== undefined);
    expect(steps.at(-1)).toMatchObject({ step: 2, steps: 2, stage: 'III' });
    expect(Object.keys(steps.at(-1).terms).sort()).toEqual(['eagle', 'fft_pixel', 'l1_pixel']);

    const lines = readFileSync(at('run', 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const kinds = new Set(lines.map((line) => JSON.parse(line).type));
    for (const kind of ['start', 'stage', 'step', 'validation', 'checkpoint', 'resume', 'end']) {
      expect(kinds, kind).toContain(kind);
    }
    expect(readFileSync(at('run', 'config.yaml'), 'utf8')).toContain('name: small');
    expect(readdirSync(at('run', 'samples')).length).toBeGreaterThan(0);
    expect(readFileSync(at('run', 'report.html'), 'utf8')).toContain('<title>small</title>');
    expect(readdirSync(at('run')).some((name) => name.startsWith('events.out.tfevents.'))).toBe(true);
  });

  it('with --profile estimates and says where a step goes, writing nothing', async () => {
    const settings = ['stages.0.steps=1000', 'stages.1.heads.scales=[2]', 'stages.2.heads.scales=[4]'];
    const set = settings.flatMap((setting) => ['--set', setting]);
    const { report } = await json(
      'train',
      at('small.yaml'),
      '--profile',
      '--trace',
      at('trace.json'),
      ...set,
    );
    expect(report.stages.map(({ stage }: { stage: string }) => stage)).toEqual(['I', 'II', 'III']);
    const [first, second] = report.stages;
    expect(first.trainableParameters).toBe(second.trainableParameters);
    const [joint, drawn] = first.phases;
    expect([joint, drawn].map(({ heads, steps }) => [heads, steps])).toEqual([
      [2, 600],
      [1, 400],
    ]);
    expect(first.seconds).toBeCloseTo((600 * joint.msPerStep + 400 * drawn.msPerStep) / 1000, 6);
    expect(first.peakBytes).toBeGreaterThan(0);
    expect(Object.keys(first.profile.parts)).toEqual([
      'data',
      'forward',
      'backward',
      'optimizer',
      'readback',
    ]);
    const { idleShare, gpuMs } = first.profile;
    expect(idleShare).toBeCloseTo(1 - gpuMs / joint.msPerStep, 9);
    expect(first.profile.timeline).toBeUndefined();
    expect(existsSync(at('runs'))).toBe(false);

    const { traceEvents } = JSON.parse(readFileSync(at('trace.json'), 'utf8'));
    const names = traceEvents.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['I: forward', 'III: backward', 'optim/adam']));
  });

  it('saves and ends by SIGTERM, with the exit code of a process that was asked to', async () => {
    const args = ['train', at('small.yaml'), '--out', at('asked'), '--set', 'stages.0.steps=100000'];
    let seen = '';
    const { code } = await runCli(args, {
      onStart: (child) =>
        child.stderr?.on('data', (chunk) => {
          const before = seen;
          seen += chunk;
          const begun = /"step":2\b/;
          if (begun.test(seen) && !begun.test(before)) child.kill('SIGTERM');
        }),
    });
    expect(code).toBe(143);
    expect(readdirSync(at('asked', 'checkpoints')).filter((name) => name.startsWith('step-'))).toHaveLength(
      1,
    );
  });

  it('wants to know where to write', async () => {
    const { code, stderr } = await runHere(['train', at('small.yaml')]);
    expect(code).toBe(2);
    expect(stderr).toContain('--out is missing');
  });
});

/** PSNR of what `upscale` makes of a 64×64 picture at half its size, which goes through a file of 8 bits here. */
async function upscaledPsnr(options: readonly string[], picture: RgbImage): Promise<number> {
  await writeImage(at('small.png'), resizeImage(picture, 32, 32));
  await json('upscale', at('small.png'), ...options, '--scale', '2', '--out', at('large.png'));
  return psnr((await readImage(at('large.png'))).image, picture);
}

async function latentIn(name: string): Promise<Float32Array> {
  const { tensors } = await readTensorFile(at(name));
  return toFloat32(tensors.get('latent') as FileTensor);
}

describe('eval', () => {
  it('measures the trained network and the baselines as the other commands would', async () => {
    const weights = join(resumed.report.checkpoint, 'ema.safetensors');
    const options = ['--weights', weights, '--vae', vae];
    const { report } = await json(
      'eval',
      ...[...options, '--photos', at('photos', 'a.png'), '--scale', '2', '--crop', '64', '--out', at('eval')],
    );
    expect(Object.keys(report.ways)).toEqual([
      'bilinear_latent',
      'bicubic_latent',
      'decode_bicubic',
      'lua',
      'round_trip',
    ]);

    const whole = smoothPicture(128, 64);
    const crop = { width: 64, height: 64, data: new Float32Array(3 * 64 * 64) };
    for (let y = 0; y < 64; y++) {
      crop.data.set(whole.data.subarray(3 * (128 * y + 32), 3 * (128 * y + 96)), 3 * 64 * y);
    }
    await writeImage(at('crop.png'), crop);
    const { report: roundtrip } = await json('roundtrip', at('crop.png'), '--vae', vae);
    expect(report.ways.round_trip.original.psnr).toBeCloseTo(roundtrip.mean.psnr, 3);
    expect(report.ways.round_trip.decoded.psnr).toBeNull();

    expect(report.ways.lua.colourShift).toHaveLength(3);
    const again = [
      '--photos',
      at('photos', 'a.png'),
      '--scale',
      '2',
      '--crop',
      '64',
      '--decoder',
      'flux-tiny-decoder',
    ];
    const { report: other } = await json('eval', ...options, ...again);
    expect(other.ways.lua.l1Latent).toBe(report.ways.lua.l1Latent);
    expect(other.ways.round_trip.original.psnr).not.toBe(report.ways.round_trip.original.psnr);

    expect(Math.abs(report.ways.lua.original.psnr - (await upscaledPsnr(options, crop)))).toBeLessThan(0.1);

    expect(JSON.parse(readFileSync(at('eval', 'eval.json'), 'utf8')).ways).toEqual(report.ways);
    expect(readFileSync(at('eval', 'eval.md'), 'utf8')).toMatch(/^×2, means over 1 photographs/);
    expect(readFileSync(at('eval', 'eval.svg'), 'utf8')).toMatch(/^<svg/);
  });

  it('gives a model that was trained in the diffusion scale what it was trained on', async () => {
    const weights = join(resumed.report.checkpoint, 'ema.safetensors');
    const options = ['--weights', weights, '--vae', vae, '--model-scale', 'diffusion'];
    // Of one colour, so that the small picture has no more than 8 bits either.
    const image = { width: 64, height: 64, data: new Float32Array(3 * 64 * 64).fill(200 / 255) };
    const picture = at('flat.png');
    await writeImage(picture, image);
    const { report } = await json('eval', ...options, '--photos', picture, '--scale', '2', '--crop', '64');
    expect(report.modelScale).toBe('diffusion');
    await writeImage(at('small.png'), resizeImage(image, 32, 32));
    await json('upscale', at('small.png'), ...options, '--scale', '2', '--out', at('large.safetensors'));
    await json('encode', picture, '--vae', vae, '--out', at('hr.safetensors'));
    const [upscaled, hr] = [await latentIn('large.safetensors'), await latentIn('hr.safetensors')];
    const expected =
      hr.reduce((sum, value, i) => sum + Math.abs(value - (upscaled[i] as number)), 0) / hr.length;
    expect(report.ways.lua.l1Latent / expected).toBeCloseTo(1, 4);
  });

  it('refuses a decoder of another family than the encoder', async () => {
    const weights = join(resumed.report.checkpoint, 'ema.safetensors');
    const request = ['eval', '--weights', weights, '--photos', at('photos', 'a.png'), '--scale', '2'];
    const decoder = ['--decoder', 'flux-tiny-decoder'];
    const told = await runHere([...request, '--vae', vae, '--profile', 'sd3', ...decoder]);
    expect(told.code).toBe(2);
    expect(told.stderr).toContain('flux-tiny-decoder takes latents of flux, not sd3');
    const other = await writeTinyVae(folder, { profile: 'sd3' });
    const named = await runHere([...request, '--vae', other, ...decoder]);
    expect(named.code).toBe(2);
    expect(named.stderr).toContain('--vae makes latents of sd3, --decoder takes those of flux');
  });

  it('refuses a scale other than 2 and 4, and a folder without pictures', async () => {
    const weights = join(resumed.report.checkpoint, 'weights.safetensors');
    const options = ['--weights', weights, '--vae', vae];
    const empty = at('empty');
    mkdirSync(empty);
    const none = await runHere(['eval', ...options, '--photos', empty, '--scale', '2']);
    expect(none.code).toBe(3);
    expect(none.stderr).toContain(empty);
    const odd = await runHere(['eval', ...options, '--photos', at('photos'), '--scale', '3']);
    expect(odd.code).toBe(2);
  });
});
