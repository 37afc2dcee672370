import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preset } from '@lua-webgpu/lua-model';
import {
  formatConfig,
  jointSteps,
  loadTrainConfig,
  matchesPattern,
  needsPixels,
  parseTrainConfig,
  type TrainConfig,
} from '@lua-webgpu/train';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const smallest = `
version: 1
model: { preset: tiny }
data: { train: prepared }
stages:
  - { name: I, loss: { l1_latent: 1 }, steps: 100, batch: 8 }
`;
const parse = (text: string, set: string[] = []) => parseTrainConfig(text, { file: 'run.yaml', set });

/** Writes files into a folder of their own and loads the first. */
function load(files: Record<string, string>, set: string[] = []): Promise<TrainConfig> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return loadTrainConfig(join(folder, Object.keys(files)[0] ?? ''), { set });
}

describe('defaults', () => {
  it('of the smallest configuration', () => {
    expect(parse(smallest)).toEqual({
      version: 1,
      name: 'run',
      seed: 0,
      model: preset('tiny'),
      weights: null,
      vae: null,
      data: { train: 'prepared', validation: null, pixel_target: 'decoded' },
      stages: [
        {
          name: 'I',
          loss: { l1_latent: { weight: 1 } },
          steps: 100,
          batch: 8,
          micro_batch: 8,
          lr: 2e-4,
          betas: [0.9, 0.995],
          weight_decay: 0,
          milestones: [50, 75, 90],
          gamma: 0.5,
          warm_up: 0,
          clip: 0.4,
          ema: 0.999,
          heads: { scales: [2, 4], joint_until: 0.6 },
          crop: null,
          trainable: ['*'],
          drop_path: 0.1,
          recompute: true,
          max_minutes: null,
        },
      ],
      validation: null,
      checkpoint: { every: 1000, keep_last: 3, keep_every: null, best: null },
      stability: { max_skipped_in_a_row: 10 },
      log: { every: 10 },
    });
  });

  it('of validation, once there is something to validate on', () => {
    const text = `${smallest}vae: { path: taef1, profile: flux }\n`;
    const { validation, checkpoint } = parse(text, ['data.validation=held-out']);
    expect(validation).toEqual({ every: 1000, samples: 8, pictures: 4, crop: null });
    expect(checkpoint.best).toBe('psnr');
  });

  it('of milestones in stages of few steps', () => {
    const milestones = (steps: number) => parse(smallest, [`stages.0.steps=${steps}`]).stages[0]?.milestones;
    expect([1, 2, 3, 10].map(milestones)).toEqual([[], [1], [2], [5, 8, 9]]);
  });
});

describe('shorthands', () => {
  it('a number is a weight, a term of weight 0 is off', () => {
    const text = smallest.replace(
      '{ l1_latent: 1 }',
      '{ l1_latent: 2, fft_latent: { weight: 3 }, eagle: 0 }',
    );
    expect(parse(text).stages[0]?.loss).toEqual({ l1_latent: { weight: 2 }, fft_latent: { weight: 3 } });
  });

  it('a file name is initial weights', () => {
    expect(parse(`${smallest}weights: lua.pth\n`).weights).toEqual({ file: 'lua.pth', replace: [] });
  });

  it('a preset takes the fields that differ', () => {
    const model = '{ preset: tiny, in_chans: 4, scales: [4], embed_dim: 48, num_heads: [3, 3] }';
    expect(parse(smallest.replace('{ preset: tiny }', model)).model).toEqual({
      ...preset('tiny', { in_chans: 4, scales: [4] }),
      embed_dim: 48,
      num_heads: [3, 3],
    });
  });

  it('2.0e-4 and 2e-4 are numbers, as YAML 1.2 says', () => {
    const text = (lr: string) => smallest.replace('steps: 100', `steps: 100, lr: ${lr}`);
    expect(parse(text('2e-4')).stages[0]?.lr).toBe(2e-4);
    expect(parse(text('2.0E-4')).stages[0]?.lr).toBe(2e-4);
  });
});

describe('extends', () => {
  const base = `${smallest}  - { name: II, loss: { l1_latent: 1, fft_latent: 2 }, steps: 7, batch: 3 }\nseed: 5\n`;

  it('merges maps and replaces the rest', async () => {
    const config = await load({
      'a.yaml': 'extends: base.yaml\nseed: 6\ndata: { validation: null }\nlog: { every: 3 }\n',
      'base.yaml': base,
    });
    expect(config).toEqual({ ...parse(base), seed: 6, log: { every: 3 } });
  });

  it('replaces the network by a preset, and lays other fields over it', async () => {
    const network = '{ preset: tiny, in_chans: 16, embed_dim: 48, depths: [4, 4], num_heads: [6, 6] }';
    const below = base.replace(/^model:.*$/m, `model: ${network}`);
    const model = async (own: string) =>
      (await load({ 'a.yaml': `extends: base.yaml\nmodel: ${own}\n`, 'base.yaml': below })).model;
    expect(await model('{ preset: light, in_chans: 16 }')).toEqual(preset('light', { in_chans: 16 }));
    expect(await model('{ head_num_feat: 64 }')).toEqual({ ...parse(below).model, head_num_feat: 64 });
  });

  it('takes stages by name and lays others over them', async () => {
    const stages = '[II, { extends: I, name: again, loss: { fft_latent: 0.5 } }]';
    const config = await load({
      'b.yaml': `extends: base.yaml\nstages: ${stages}\n`,
      'base.yaml': base,
    });
    const [first, second] = parse(base).stages;
    expect(config.stages).toEqual([
      second,
      { ...first, name: 'again', loss: { l1_latent: { weight: 1 }, fft_latent: { weight: 0.5 } } },
    ]);
  });

  it('goes through several files, each relative to the one that names it', async () => {
    const config = await load({
      'c.yaml': 'extends: middle.yaml\nname: c\n',
      'middle.yaml': 'extends: ./base.yaml\nname: middle\nseed: 9\n',
      'base.yaml': base,
    });
    expect(config).toMatchObject({ name: 'c', seed: 9, stages: [{ name: 'I' }, { name: 'II' }] });
  });

  it('options have the last word', async () => {
    const files = { 'd.yaml': 'extends: base.yaml\nseed: 6\n', 'base.yaml': base };
    expect(await load(files, ['seed=7', 'stages.II.steps=8'])).toMatchObject({
      seed: 7,
      stages: [{ steps: 100 }, { steps: 8 }],
    });
  });
});

describe('overrides', () => {
  it('go wherever a value may stand', () => {
    const config = parse(smallest, [
      'stages.0.betas=[0.5, 0.75]',
      'stages.I.heads.scales=[4]',
      'vae.path=a=b',
      'vae.profile=flux',
      'stages.0.clip=null',
      'stages.0.loss.eagle.weight=0.5',
    ]);
    expect(config.vae).toEqual({ path: 'a=b', profile: 'flux' });
    expect(config.stages[0]).toMatchObject({
      betas: [0.5, 0.75],
      clip: null,
      heads: { scales: [4] },
      loss: { eagle: { weight: 0.5, high_pass: 'gaussian' } },
    });
  });

  it('later ones win', () => {
    expect(parse(smallest, ['seed=1', 'seed=2']).seed).toBe(2);
  });
});

describe('patterns of parameters', () => {
  it.each([
    ['*', 'conv_first.weight', true],
    ['conv_first', 'conv_first.weight', true],
    ['conv_first', 'conv_first_b.weight', false],
    ['norm', 'layers.0.norm.weight', false],
    ['*.norm', 'layers.0.norm.weight', true],
    ['heads.*.conv_last', 'heads.x4.conv_last.bias', true],
    ['heads.*.conv_last', 'heads.x4.conv_before.0.bias', false],
    ['layers.*.weight', 'layers.1.residual_group.blocks.0.mlp.fc1.weight', true],
    ['conv.first', 'conv_first.weight', false],
    ['', 'conv_first.weight', false],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(matchesPattern(pattern, name)).toBe(expected);
  });
});

it('which stages decode', () => {
  expect(needsPixels({ loss: { l1_latent: { weight: 1 }, fft_latent: { weight: 1 } } })).toBe(false);
  expect(needsPixels({ loss: { l1_latent: { weight: 1 }, l1_pixel: { weight: 1 } } })).toBe(true);
  expect(needsPixels({ loss: { downsample: { weight: 1, factor: 2 } } })).toBe(true);
});

it('how long all heads are trained', () => {
  const of = (steps: number, joint_until: number) =>
    jointSteps({ steps, heads: { scales: [2, 4], joint_until } });
  expect([of(125_000, 0.6), of(10, 0), of(10, 1), of(3, 0.5)]).toEqual([75_000, 0, 10, 2]);
});

describe('property', () => {
  const positive = fc.double({ min: 1e-9, max: 1e6, noNaN: true });
  const stage = fc.record({
    name: fc.constant('s'),
    loss: fc.record({ l1_latent: positive, fft_latent: fc.oneof(positive, fc.record({ weight: positive })) }),
    steps: fc.integer({ min: 1, max: 1e9 }),
    batch: fc.integer({ min: 1, max: 1e6 }),
    lr: positive,
    gamma: fc.double({ min: 1e-3, max: 1, noNaN: true }),
    clip: fc.option(positive),
    crop: fc.option(fc.integer({ min: 1, max: 100 }).map((n) => 4 * n)),
    heads: fc.record({ joint_until: fc.double({ min: 0, max: 1, noNaN: true }) }),
  });
  const file = fc.record({
    version: fc.constant(1),
    seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    model: fc.record({ preset: fc.constantFrom('tiny', 'light'), in_chans: fc.constantFrom(4, 16) }),
    // Any text, YAML's own characters included.
    data: fc.record({ train: fc.string({ minLength: 1 }) }),
    stages: stage.map((each) => [each]),
  });

  it('what is written reads back as the same', () => {
    fc.assert(
      fc.property(file, (json) => {
        const config = parse(JSON.stringify(json));
        expect(parse(formatConfig(config))).toEqual(config);
      }),
      { numRuns: 30 },
    );
  });
});
