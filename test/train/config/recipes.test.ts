/** Every recipe is a configuration, and paper-flux has the figures of SPEC §3. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parameterCount, preset } from '@lua-webgpu/lua-model';
import {
  formatConfig,
  jointSteps,
  loadTrainConfig,
  parseTrainConfig,
  recipesFolder,
} from '@lua-webgpu/train';
import { describe, expect, it } from 'vitest';

const folder = recipesFolder();
const recipes = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.yaml'),
);
const recipe = (name: string, set: string[] = []) => loadTrainConfig(join(folder, `${name}.yaml`), { set });

it('there are recipes', () => {
  expect(recipes).toContain('tiny-cpu.yaml');
  expect(recipes.filter((file) => file.startsWith('ablations'))).toHaveLength(13);
});

it.each(recipes)('%s resolves, to something that reads back as the same', async (file) => {
  const config = await loadTrainConfig(join(folder, file));
  expect(config.name).toBe(
    file
      .split(/[\\/]/)
      .at(-1)
      ?.replace(/\.yaml$/, ''),
  );
  expect(parseTrainConfig(formatConfig(config), { file: 'run.yaml' })).toEqual(config);
});

it('a recipe is found by name from anywhere', async () => {
  const from = process.cwd();
  process.chdir('/');
  try {
    expect((await loadTrainConfig('recipes/ablations/x2-only.yaml')).name).toBe('x2-only');
  } finally {
    process.chdir(from);
  }
});

describe('paper-flux', () => {
  it('has the released network', async () => {
    const { model } = await recipe('paper-flux');
    expect(model).toEqual(preset('flux'));
    expect(parameterCount(model)).toBeCloseTo(54.9e6, -5);
  });

  it('has the losses, batches and momenta of the three stages', async () => {
    const { stages } = await recipe('paper-flux');
    expect(stages.map(({ name, loss, batch, betas }) => ({ name, loss, batch, betas }))).toEqual([
      {
        name: 'I',
        loss: { l1_latent: { weight: 1 }, fft_latent: { weight: 0.1 } },
        batch: 2048,
        betas: [0.9, 0.995],
      },
      {
        name: 'II',
        loss: {
          l1_latent: { weight: 1 },
          fft_latent: { weight: 0.1 },
          downsample: { weight: 0.1, factor: 2 },
          high_frequency: { weight: 0.05, kernel_size: 5, sigma: 1 },
        },
        batch: 32,
        betas: [0.9, 0.995],
      },
      {
        name: 'III',
        loss: {
          l1_pixel: { weight: 10 },
          fft_pixel: { weight: 1 },
          eagle: { weight: 5e-5, patch_size: 3, high_pass: 'gaussian', cutoff: 0.5, reduction: 'mean' },
        },
        batch: 32,
        betas: [0.9, 0.99],
      },
    ]);
  });

  it.each([0, 1, 2])('has the schedule in stage %i', async (i) => {
    const stage = (await recipe('paper-flux')).stages[i];
    expect(stage).toMatchObject({
      steps: 125_000,
      lr: 2e-4,
      weight_decay: 0,
      milestones: [62_500, 93_750, 112_500],
      gamma: 0.5,
      warm_up: 0,
      ema: 0.999,
      clip: 0.4,
      heads: { scales: [2, 4] },
      drop_path: 0.1,
      crop: null,
      trainable: ['*'],
    });
    expect(stage && stage.steps - jointSteps(stage)).toBe(50_000);
  });

  it('compares with decoded targets', async () => {
    expect((await recipe('paper-flux')).data.pixel_target).toBe('decoded');
  });
});

describe('ablations differ from paper-flux in one thing', () => {
  it.each([
    ['stages-1-2', ['I', 'II']],
    ['stages-1-3', ['I', 'III']],
    ['stages-2-3', ['II', 'III']],
    ['full', ['I', 'II', 'III']],
  ])('%s', async (name, names) => {
    const paper = await recipe('paper-flux');
    const stages = paper.stages.filter((stage) => names.includes(stage.name));
    expect(await recipe(`ablations/${name}`)).toEqual({ ...paper, name, stages });
  });

  it('latent-l1', async () => {
    const paper = await recipe('paper-flux');
    const [first] = paper.stages;
    const stages = [{ ...first, loss: { l1_latent: { weight: 1 } } }];
    expect(await recipe('ablations/latent-l1')).toEqual({ ...paper, name: 'latent-l1', stages });
  });

  it.each([
    ['x2-only', [2]],
    ['x4-only', [4]],
    ['joint-heads', [2, 4]],
  ])('%s', async (name, scales) => {
    const paper = await recipe('paper-flux');
    const stages = paper.stages.map((stage) => ({ ...stage, heads: { ...stage.heads, scales } }));
    const model = preset('flux', { scales });
    expect(await recipe(`ablations/${name}`)).toEqual({ ...paper, name, model, stages });
  });
});

it('transfer-sdxl replaces what depends on the channels, and nothing else', async () => {
  const { model, weights, vae } = await recipe('transfer-sdxl');
  expect(model).toEqual(preset('flux', { in_chans: 4 }));
  expect(weights?.replace).toEqual(['conv_first', 'heads.*.conv_last']);
  expect(vae?.profile).toBe('sdxl');
});

it('a long recipe is cut short by one option', async () => {
  const { stages } = await recipe('tiny-cpu', ['stages.0.steps=10']);
  expect(stages[0]).toMatchObject({ steps: 10, milestones: [5, 8, 9] });
});
