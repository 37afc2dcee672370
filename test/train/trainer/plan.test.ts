import { preset } from '@lua-webgpu/lua-model';
import { planStep, type StageConfig, type TrainConfig } from '@lua-webgpu/train';
import { describe, expect, it } from 'vitest';

const stage = (over: Partial<StageConfig> = {}): StageConfig => ({
  name: 'I',
  loss: { l1_latent: { weight: 1 } },
  steps: 1000,
  batch: 4,
  micro_batch: 4,
  lr: 2e-4,
  betas: [0.9, 0.995],
  weight_decay: 0,
  milestones: [500, 750, 900],
  gamma: 0.5,
  warm_up: 0,
  clip: 0.4,
  ema: 0.999,
  heads: { scales: [2, 4], joint_until: 0.6 },
  crop: null,
  trainable: ['*'],
  drop_path: 0,
  recompute: true,
  max_minutes: null,
  ...over,
});

const config = (stages: readonly StageConfig[], seed = 0): TrainConfig => ({
  version: 1,
  name: 'test',
  seed,
  model: preset('tiny', { in_chans: 4 }),
  weights: null,
  vae: null,
  data: { train: 'data', validation: null, pixel_target: 'decoded' },
  stages,
  validation: null,
  checkpoint: { every: 100, keep_last: 3, keep_every: null, best: null },
  stability: { max_skipped_in_a_row: 10 },
  log: { every: 1 },
});

describe('the plan of a step', () => {
  it('trains both heads up to the last 40 %, then each about half of the time', () => {
    const plans = Array.from({ length: 1000 }, (_, step) => planStep(config([stage()]), 0, step));
    for (const { scales } of plans.slice(0, 600)) expect(scales).toEqual([2, 4]);
    const single = plans.slice(600);
    for (const { scales } of single) expect(scales).toHaveLength(1);
    const twos = single.filter(({ scales }) => scales[0] === 2).length;
    // Binomial with n = 400: five standard deviations are 50.
    expect(Math.abs(twos - 200)).toBeLessThan(50);
  });

  it('halves the learning rate at each milestone and begins every stage anew', () => {
    const two = config([stage({ steps: 1000 }), stage({ name: 'II' })]);
    const lr = (index: number, step: number) => planStep(two, index, step).lr;
    expect([lr(0, 0), lr(0, 499), lr(0, 500), lr(0, 750), lr(0, 900)]).toEqual([
      2e-4, 2e-4, 1e-4, 5e-5, 2.5e-5,
    ]);
    expect(lr(1, 0)).toBe(2e-4);
    expect(planStep(two, 1, 7).step).toBe(1007);
  });

  it('warms up linearly where it is told to', () => {
    const warm = config([stage({ warm_up: 10 })]);
    const rates = Array.from({ length: 11 }, (_, step) => planStep(warm, 0, step).lr);
    for (let i = 1; i <= 10; i++) expect(rates[i]).toBeGreaterThan(rates[i - 1] as number);
    expect(rates[10]).toBe(2e-4);
  });

  it('depends on nothing but configuration, stage and step', () => {
    const heads = (seed: number) =>
      Array.from({ length: 100 }, (_, i) => planStep(config([stage()], seed), 0, 600 + i).scales[0]);
    expect(heads(1)).toEqual(heads(1));
    expect(heads(1)).not.toEqual(heads(2));
  });
});
