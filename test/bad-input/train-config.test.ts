/** Every way in which a training configuration can be wrong, one row each. Messages begin with file and line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { loadTrainConfig, parseTrainConfig } from '@lua-webgpu/train';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-bad-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Line 1 is empty. */
const good = `
version: 1
model: { preset: tiny }
vae: { path: taef1, profile: flux }
data:
  train: prepared
  validation: held-out
stages:
  - name: I
    loss: { l1_latent: 1 }
    steps: 100
    batch: 8
  - name: III
    loss:
      l1_pixel: 10
      eagle: { weight: 5.0e-5 }
    steps: 50
    batch: 4
`;

/** The good configuration with one piece replaced. */
function withText(from: string, to: string): string {
  expect(good.split(from)).toHaveLength(2);
  return good.replace(from, () => to);
}
/** The good configuration as far as a piece of it. */
const until = (piece: string) => good.slice(0, good.indexOf(piece));
const more = (line: string) => `${good}${line}\n`;

async function refusal(run: () => unknown): Promise<FileError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const parse = (text: string, set: string[] = []) => parseTrainConfig(text, { file: 'run.yaml', set });

it('the configuration without a mistake is read', () => {
  expect(parse(good).stages).toHaveLength(2);
});

type Row = [what: string, text: string, message: RegExp, fix?: RegExp];

const rows: Readonly<Record<string, readonly Row[]>> = {
  'config-yaml': [
    ['HTML', '<!DOCTYPE html>', /^run\.yaml:1: not a YAML configuration: this is HTML/],
    ['a tab for indentation', withText('  train: prepared', '\ttrain: prepared'), /^run\.yaml:6: /],
    ['a bracket left open', withText('{ preset: tiny }', '{ preset: tiny'), /^run\.yaml:\d+: /],
    ['a key twice', more('version: 1'), /^run\.yaml:19: .*unique/],
    ['two documents', `${good}---\nversion: 1\n`, /multiple documents/],
    ['a tag that nobody knows', withText('prepared', '!secret prepared'), /^run\.yaml:6: .*[Tt]ag/],
    ['binary data', withText('prepared', '!!binary aGVsbG8='), /^run\.yaml:6: /],
    ['a map as a key', more('{ a: 1 }: 2'), /^run\.yaml:.* a key is no plain word/],
    ['an alias of nothing', withText('prepared', '*x'), /^run\.yaml:6: .*nothing is called &x/],
    [
      'an alias of itself',
      more('log: &log { every: *log }'),
      /nested too deep, or its aliases unfold to too much/,
    ],
    [
      'aliases that multiply',
      `a: &a [${'x,'.repeat(40)}]\nb: &b [${'*a,'.repeat(40)}]\nc: &c [${'*b,'.repeat(40)}]\n`,
      /unfold to too much/,
    ],
    ['nested without end', `a: ${'['.repeat(100)}${']'.repeat(100)}`, /nested too deep/],
  ],
  'config-type': [
    ['nothing', '', /^run\.yaml:1: the configuration is empty/, /recipes/],
    ['comments alone', '# a\n# b\n', /empty/],
    ['a list', '- version: 1\n', /the configuration is no map/],
    ['a word', 'flux', /no map/],
    [
      'a number in quotes',
      withText('steps: 100', 'steps: "100"'),
      /:11: stages\[0\]\.steps is "100", expected a whole/,
    ],
    ['a number with separators', withText('steps: 100', 'steps: 100_000'), /is "100_000"/],
    ['a fraction', withText('batch: 8', 'batch: 8.5'), /:12: stages\[0\]\.batch is 8\.5/],
    [
      'a word for a loss',
      withText('l1_pixel: 10', 'l1_pixel: high'),
      /:15: stages\[1\]\.loss\.l1_pixel is "high"/,
    ],
    ['a number for a map', more('log: 10'), /:19: log is 10, expected a map of every/],
    [
      'a map for a list',
      withText('steps: 100', 'trainable: { all: 1 }\n    steps: 100'),
      /:11: stages\[0\]\.trainable is \{"all":1\}, expected a list/,
    ],
    ['a list for a map', more('checkpoint: [1]'), /:19: checkpoint is \[1\]/],
    ['no betas', withText('steps: 100', 'betas: 0.9\n    steps: 100'), /betas is 0\.9/],
    ['an infinite rate', withText('steps: 100', 'lr: .inf\n    steps: 100'), /lr is Infinity/],
    ['NaN', withText('steps: 100', 'lr: .nan\n    steps: 100'), /lr is NaN/],
    [
      'scales without brackets',
      withText('{ preset: tiny }', '{ preset: tiny, scales: 2 }'),
      /:3: model\.scales is 2/,
    ],
    ['null for the data', withText('train: prepared', 'train: null'), /:6: data\.train is null/],
    ['a preset alone', withText('{ preset: tiny }', 'tiny'), /:3: model is "tiny", expected a map: a preset/],
    ['true for a name', more('name: true'), /:19: name is true/],
  ],
  'config-unknown-key': [
    ['at the top', more('sede: 3'), /^run\.yaml:19: unknown key "sede", did you mean "seed"/, /Write "seed"/],
    ['in a stage', withText('steps: 100', 'step: 100'), /:11: .*"stages\[0\]\.step", did you mean "steps"/],
    ['a loss', withText('l1_pixel: 10', 'l1_pixels: 10'), /:15: .*did you mean "l1_pixel"/],
    [
      'a loss of another name',
      withText('l1_pixel: 10', 'lpips: 10'),
      /lpips"/,
      /the keys are l1_latent, fft_latent/,
    ],
    ['an option of a loss', withText('weight: 5.0e-5', 'weight: 1, cutof: 2'), /:16: .*"cutoff"/],
    ['an option of another loss', withText('weight: 5.0e-5', 'weight: 1, kernel: 5'), /:16: .*eagle\.kernel/],
    ['in the vae', withText('profile: flux', 'profil: flux'), /:4: .*did you mean "profile"/],
    ['in heads', withText('steps: 100', 'heads: { scale: [2] }\n    steps: 100'), /heads\.scale".*"scales"/],
    [
      'in the model',
      withText('{ preset: tiny }', '{ preset: tiny, embed_dims: 8 }'),
      /^run\.yaml:3: model: .*"embed_dim"/,
    ],
    ['an object method', more('constructor: 1'), /:19: unknown key "constructor"/],
    ['a prototype', more('__proto__: { seed: 1 }'), /:19: unknown key "__proto__"/],
    [
      'extends in a stage of a file that extends nothing',
      withText('- name: III', '- extends: I\n    name: III'),
      /:13: .*extends/,
    ],
  ],
  'config-missing': [
    ['the version', withText('version: 1\n', ''), /version is missing, expected 1/],
    ['the model', withText('model: { preset: tiny }\n', ''), /model is missing/],
    ['the data', withText('train: prepared', '# train: prepared'), /:5: data\.train is missing/],
    ['the steps', withText('    steps: 100\n', ''), /:9: stages\[0\]\.steps is missing/],
    ['the name', withText('- name: III\n   ', '-'), /stages\[1\]\.name is missing/],
    ['a loss', withText('{ l1_latent: 1 }', '{}'), /:10: stages\[0\]\.loss has no term/],
    [
      'every loss is off',
      withText('{ l1_latent: 1 }', '{ l1_latent: 0 }'),
      /:10: stages\[0\]\.loss has no term/,
    ],
    ['a weight', withText('weight: 5.0e-5', 'cutoff: 1'), /:16: stages\[1\]\.loss\.eagle\.weight is missing/],
    [
      'a decoder for pixel losses',
      withText('vae: { path: taef1, profile: flux }\n', ''),
      /stages\[1\] \(III\) compares pixels, and no vae/,
    ],
    ['the path of the vae', withText('path: taef1, ', ''), /:4: vae\.path is missing/],
    [
      'a whole model',
      withText('{ preset: tiny }', '{ in_chans: 16 }'),
      /^run\.yaml:3: model: neither heads nor upsampler/,
    ],
    [
      'a preset for scales',
      withText('{ preset: tiny }', '{ scales: [2] }'),
      /:3: model\.scales stands without a preset/,
    ],
    [
      'data to validate on',
      withText('  validation: held-out\n', '').concat('validation: { every: 5 }\n'),
      /:18: validation is set, and data\.validation is not/,
    ],
    [
      'a measure for the best',
      withText('  validation: held-out\n', '').concat('checkpoint: { best: psnr }\n'),
      /:18: checkpoint\.best asks for the best PSNR/,
    ],
    [
      'a decoder for validation',
      until('  - name: III').replace('vae: { path: taef1, profile: flux }\n', ''),
      /^run\.yaml:6: validation measures decoded pixels, and no vae/,
    ],
  ],
  'config-range': [
    [
      'a preset of another name',
      withText('preset: tiny', 'preset: tinny'),
      /:3: model\.preset is "tinny"/,
      /Write tiny/,
    ],
    [
      'a profile of another name',
      withText('profile: flux', 'profile: fluks'),
      /:4: vae\.profile is "fluks", expected one of/,
    ],
    ['no stage', `${until('stages:')}stages: []\n`, /stages is \[\]/],
    [
      'a negative weight',
      withText('l1_pixel: 10', 'l1_pixel: -1'),
      /:15: stages\[1\]\.loss\.l1_pixel\.weight is -1/,
    ],
    ['no step', withText('steps: 100', 'steps: 0'), /steps is 0/],
    [
      'one beta',
      withText('steps: 100', 'betas: [0.9]\n    steps: 100'),
      /betas is \[0\.9\], expected two numbers/,
    ],
    [
      'a beta of 1',
      withText('steps: 100', 'betas: [0.9, 1]\n    steps: 100'),
      /betas\[1\] is 1, expected a number from 0 to below 1/,
    ],
    ['a gamma above 1', withText('steps: 100', 'gamma: 1.5\n    steps: 100'), /gamma is 1\.5/],
    ['an average that never moves', withText('steps: 100', 'ema: 1\n    steps: 100'), /ema is 1/],
    ['a clip of 0', withText('steps: 100', 'clip: 0\n    steps: 100'), /clip is 0/],
    [
      'a share above 1',
      withText('steps: 100', 'heads: { joint_until: 60 }\n    steps: 100'),
      /joint_until is 60/,
    ],
    [
      'an even kernel',
      withText('l1_pixel: 10', 'high_frequency: { weight: 1, kernel_size: 4 }'),
      /:15: .*kernel_size is 4, expected an odd/,
    ],
    [
      'a factor of 1',
      withText('l1_pixel: 10', 'downsample: { weight: 1, factor: 1 }'),
      /factor is 1, expected a whole number from 2 to 16, or "scale"/,
    ],
    [
      'a micro-batch that does not divide',
      withText('batch: 8', 'batch: 8\n    micro_batch: 3'),
      /:13: stages\[0\]\.micro_batch is 3, which does not divide the batch of 8/,
    ],
    [
      'milestones past the end',
      withText('steps: 100', 'steps: 100\n    milestones: [50, 100]'),
      /:12: stages\[0\]\.milestones ends with 100, the stage has 100/,
      /Leave milestones out/,
    ],
    [
      'milestones out of order',
      withText('steps: 100', 'steps: 100\n    milestones: [50, 20]'),
      /:12: stages\[0\]\.milestones is \[50,20\], expected a rising/,
    ],
    [
      'a longer warm-up than stage',
      withText('steps: 100', 'steps: 100\n    warm_up: 101'),
      /:12: stages\[0\]\.warm_up is 101/,
    ],
    [
      'a scale without a head',
      withText('steps: 100', 'heads: { scales: [8] }\n    steps: 100'),
      /scales\[0\] is 8, a scale without a head/,
      /2, 4/,
    ],
    [
      'a scale twice',
      withText('steps: 100', 'heads: { scales: [2, 2] }\n    steps: 100'),
      /scales\[1\] is 2 a second time/,
    ],
    [
      'a crop that the scale does not divide',
      withText('steps: 100', 'crop: 18\n    steps: 100'),
      /:11: stages\[0\]\.crop is 18, no multiple of the largest scale 4/,
      /Take 20/,
    ],
    [
      'two stages of one name',
      withText('name: III', 'name: I'),
      /:13: stages\[1\]\.name is "I" a second time/,
    ],
    [
      'a pattern of nothing',
      withText('steps: 100', 'trainable: [head.*]\n    steps: 100'),
      /trainable\[0\] is "head\.\*", which no parameter/,
      /conv_first\.weight/,
    ],
    [
      'a replacement of nothing',
      more('weights: { file: a.pth, replace: [conv_frist] }'),
      /:19: weights\.replace\[0\] is "conv_frist"/,
    ],
    [
      'channels of another VAE',
      withText('preset: tiny', 'preset: tiny, in_chans: 4'),
      /:3: model\.in_chans is 4, and latents of the profile flux have 16/,
    ],
    [
      'more pictures than samples',
      more('validation: { samples: 2, pictures: 3 }'),
      /validation\.pictures is 3 of 2 samples/,
    ],
    ['a validation crop off the grid', more('validation: { crop: 6 }'), /validation\.crop is 6/],
    ['a seed of 33 bits', more('seed: 4294967296'), /seed is 4294967296/],
    ['a name that is a path', more('name: ../run'), /name is "\.\.\/run"/],
    ['an empty path', withText('prepared', '""'), /:6: data\.train is "", expected a path/],
    [
      'a head of other channels',
      withText('{ preset: tiny }', '{ preset: tiny, heads: [{ name: x2, scale: 2, out_chans: 4 }] }'),
      /its head x2 gives 4/,
    ],
    [
      'model fields that do not fit',
      withText('{ preset: tiny }', '{ preset: tiny, embed_dim: 30 }'),
      /^run\.yaml:3: model: embed_dim 30 is not a multiple of num_heads 4/,
    ],
  ],
  'config-version': [
    [
      'the next',
      withText('version: 1', 'version: 2'),
      /^run\.yaml:2: version is 2, this program knows 1/,
      /Update/,
    ],
    ['with keys of its own', 'version: 7\ncurriculum: {}\n', /version is 7/],
  ],
  'config-extends': [
    ['in a text without a file', more('extends: a.yaml'), /^run\.yaml:19: /, /loadTrainConfig/],
  ],
};

describe.each(Object.entries(rows))('%s', (code, table) => {
  it.each(table)('%s', async (_what, text, message, fix = /./) => {
    const error = await refusal(() => parse(text));
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^run\.yaml:\d+: /);
    expect(error.fix).toMatch(fix);
  });
});

it('several problems are told at once, each with its line, unknown keys first', async () => {
  const { code, message } = await refusal(() =>
    parse(withText('steps: 100', 'steps: 0').concat('sede: 1\n')),
  );
  expect(code).toBe('config-unknown-key');
  expect(message).toBe(
    'run.yaml:19: unknown key "sede", did you mean "seed"?; ' +
      'run.yaml:11: stages[0].steps is 0, expected a whole number from 1 to 1000000000',
  );
});

describe('options', () => {
  it.each([
    ['config-override', 'steps', /^--set steps: it is no path=value/],
    ['config-override', '=3', /no path=value/],
    ['config-override', 'stages..steps=3', /no path=value/],
    ['config-override', 'stages.2.steps=3', /stages has 2 entries and none is "2"/],
    ['config-override', 'stages.IV.steps=3', /none is "IV"/],
    ['config-override', 'stages.-1.steps=3', /none is "-1"/],
    ['config-override', 'version.major=3', /version is 1, which has no parts/],
    ['config-yaml', 'seed=[1', /^--set seed=\[1/],
    ['config-unknown-key', 'stages.0.step=3', /^--set stages\.0\.step=3: unknown key .*did you mean "steps"/],
    ['config-type', 'seed=x', /^--set seed=x: seed is "x"/],
    ['config-range', 'stages.0.crop=6', /^--set stages\.0\.crop=6: stages\[0\]\.crop is 6/],
  ])('%s: %s', async (code, option, message) => {
    const error = await refusal(() => parse(good, [option]));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('files', () => {
  const put = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  it('that are not there', async () => {
    const error = await refusal(() => loadTrainConfig(join(folder, 'none.yaml')));
    expect(error).toMatchObject({
      code: 'file-not-found',
      fix: expect.stringMatching(/recipes\/NAME\.yaml/),
    });
    expect((await refusal(() => loadTrainConfig('recipes/none.yaml'))).code).toBe('file-not-found');
  });

  it('that are folders', async () => {
    expect((await refusal(() => loadTrainConfig(folder))).code).toBe('file-unreadable');
  });

  it('that extend a file that is not there', async () => {
    const path = put('orphan.yaml', 'extends: gone.yaml\n');
    const error = await refusal(() => loadTrainConfig(path));
    expect(error).toMatchObject({ code: 'file-not-found', message: expect.stringContaining('gone.yaml') });
  });

  it('that extend each other', async () => {
    put('ping.yaml', 'extends: pong.yaml\n');
    const error = await refusal(() => loadTrainConfig(put('pong.yaml', 'extends: ping.yaml\n')));
    expect(error).toMatchObject({
      code: 'config-extends',
      message: `${join(folder, 'ping.yaml')}:1: pong.yaml extends this file in turn`,
    });
  });

  it('that extend no file', async () => {
    const path = put('list.yaml', 'extends: [a, b]\n');
    expect(await refusal(() => loadTrainConfig(path))).toMatchObject({
      code: 'config-extends',
      message: `${path}:1: extends names no file`,
    });
  });

  it('that lay a stage over one that is not there', async () => {
    put('base.yaml', good);
    const path = put('stages.yaml', 'extends: base.yaml\nstages:\n  - I\n  - { extends: IIII, steps: 3 }\n');
    expect(await refusal(() => loadTrainConfig(path))).toMatchObject({
      code: 'config-extends',
      message: expect.stringContaining(`${path}:4: no stage "IIII"`),
      fix: expect.stringMatching(/Did you mean III\?.* I, III/),
    });
  });

  it('with a mistake in the extended one: file and line are its own', async () => {
    put('base.yaml', withText('steps: 50', 'steps: -50'));
    const path = put('over.yaml', 'extends: base.yaml\n# one more\nseed: 3\n');
    expect((await refusal(() => loadTrainConfig(path))).message).toMatch(
      new RegExp(`^${join(folder, 'base.yaml')}:17: stages\\[1\\]\\.steps is -50`),
    );
  });
});
