import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Adam,
  AdamW,
  cosine,
  Ema,
  type FileTensor,
  fromFloat32,
  Group,
  multiStep,
  Parameter,
  ParameterArena,
  parseSafetensors,
  plainPacking,
  toFloat32,
  toFloat64,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { gradientsOf, valuesOf } from './network.ts';

const folder = referenceFolder();
const file = folder
  ? parseSafetensors(readFileSync(join(folder, 'op_optim.safetensors')), 'op_optim')
  : undefined;

const tensor = (name: string): FileTensor => {
  const found = file?.tensors.get(name);
  if (!found) throw new Error(`op_optim has no ${name}`);
  return found;
};
const names = ['w', 'b', 'big'] as const;
const cases = [
  'adam',
  'adam_l2',
  'adamw',
  'adam_b0999',
  'adam_b05',
  'adam_sched_clip1_ema0.95',
  'adamw_sched_clip1_ema0.95',
];

/** Row k of a [steps, ...] tensor. */
function row(name: string, k: number): Float64Array {
  const { shape } = tensor(name);
  const size = shape.slice(1).reduce((product, each) => product * each, 1);
  return toFloat64(tensor(name)).subarray(k * size, (k + 1) * size);
}

function expectNear(actual: ArrayLike<number>, expected: Float64Array, what: string): void {
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expected.forEach((value, i) => {
    // INDEX.md of the reference: 4.5e-6 of the largest value.
    expect(Math.abs((actual[i] as number) - value), `${what}[${i}]`).toBeLessThanOrEqual(4.5e-6 * largest);
  });
}

for (const adapter of file ? await adapterCases() : []) {
  describe(`optimisers against PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(cases)('%s, parameters and average after each of ten steps', async (name) => {
      const device = await devices.open();
      const parts = names.map((key) => {
        const { shape } = tensor(`in.p0.${key}`);
        return [key, new Parameter(plainPacking(shape), () => new Float32Array())] as const;
      });
      using network = new Group(Object.fromEntries(parts));
      network.loadStateDict(
        device,
        new Map(
          parts.map(([key, { shape }]) => [key, fromFloat32(toFloat32(tensor(`in.p0.${key}`)), shape)]),
        ),
      );
      const hyper = JSON.parse(file?.metadata.get(`${name}.hyper`) ?? '') as {
        lr: number;
        betas: [number, number];
        eps?: number;
        weight_decay?: number;
      };
      const { lr, betas, eps = 1e-8, weight_decay: weightDecay = 0 } = hyper;
      const scheduled = name.includes('sched');
      using arena = new ParameterArena(network.namedParameters());
      using optimizer = new (name.startsWith('adamw') ? AdamW : Adam)(arena, {
        lr: scheduled ? multiStep({ lr, milestones: [3, 6, 8], gamma: 0.5 }) : lr,
        betas,
        eps,
        weightDecay,
      });
      using ema = new Ema(arena, { decay: 0.95 });
      for (let k = 0; k < 10; k++) {
        expect(optimizer.lr).toBeCloseTo(toFloat64(tensor(`${name}/out.lr`))[k] as number, 15);
        using gradients = gradientsOf(arena, (key) => Float32Array.from(row(`in.grads.${key}`, k)));
        optimizer.step(gradients, scheduled ? { maxNorm: 1 } : {});
        ema.update();
        if (scheduled) {
          const norm = toFloat64(tensor(`${name}/out.grad_norm`)).subarray(k, k + 1);
          expectNear([await optimizer.gradientNorm()], norm, `${name} norm ${k}`);
        }
        const values = await valuesOf(network);
        const average = await ema.stateDict();
        for (const key of names) {
          expectNear(values.get(key) ?? [], row(`${name}/out.p.${key}`, k), `${name} ${key} after ${k}`);
          const smooth = toFloat32(average.get(`params_ema.${key}`) as FileTensor);
          expectNear(smooth, row(`${name}/out.ema0.95.${key}`, k), `${name} average of ${key} after ${k}`);
        }
      }
      const state = await optimizer.stateDict();
      for (const moment of ['exp_avg', 'exp_avg_sq']) {
        const actual = toFloat32(state.get(`${moment}.w`) as FileTensor);
        expectNear(actual, toFloat64(tensor(`${name}/out.${moment}.w`)), `${name} ${moment}`);
      }
    });
  });
}

describe.runIf(file)('schedules against PyTorch', () => {
  it('cosine, 200 steps', () => {
    const schedule = cosine({ lr: 2e-4, steps: 200, minimum: 1e-7 });
    toFloat64(tensor('cosine_T200_lr2e-4_min1e-7/out.lr')).forEach((lr, step) => {
      expect(Math.abs(schedule(step) - lr)).toBeLessThan(1e-15);
    });
  });
});

it('has reference data where LUA_WEBGPU_GOLDEN names it', () => {
  if (!folder) console.warn('not run, LUA_WEBGPU_GOLDEN is not set: optimisers against op_optim');
  expect(file !== undefined).toBe(folder !== undefined);
});
