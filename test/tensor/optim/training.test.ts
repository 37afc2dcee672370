import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  Adam,
  AdamW,
  Ema,
  type FileTensor,
  fromFloat32,
  multiStep,
  type Optimizer,
  ParameterArena,
  parseSafetensors,
  Sgd,
  toFloat32,
  toFloat64,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { type HostArray, lossAndGradients, TwoHeads } from './network.ts';

interface Case {
  readonly optimizer: 'Adam' | 'AdamW' | 'SGD';
  readonly lr: number;
  readonly betas: [number, number];
  readonly eps: number;
  readonly weight_decay?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

const path = fileURLToPath(new URL('fixtures/training.safetensors', import.meta.url));
const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
const described = <T>(key: string) => JSON.parse(metadata.get(key) ?? '') as T;
const cases = described<Record<string, Case>>('cases');
const heads = described<string[]>('heads').map((text) => [...text] as ('a' | 'b')[]);
const schedule = described<{ milestones: number[]; gamma: number; max_norm: number; ema: number }>(
  'schedule',
);

function tensor(name: string): FileTensor {
  const found = tensors.get(name);
  if (!found) throw new Error(`${path} has no ${name}`);
  return found;
}
const host = (name: string): HostArray => ({
  shape: tensor(name).shape,
  data: toFloat32(tensor(name)),
});

function make(arena: ParameterArena, options: Case): Optimizer {
  const { lr, betas, eps, weight_decay: weightDecay = 0, momentum = 0, nesterov = false } = options;
  const rate = multiStep({ lr, milestones: schedule.milestones, gamma: schedule.gamma });
  if (options.optimizer === 'SGD') return new Sgd(arena, { lr: rate, weightDecay, momentum, nesterov });
  const Made = options.optimizer === 'Adam' ? Adam : AdamW;
  return new Made(arena, { lr: rate, betas, eps, weightDecay });
}

function expectNear(actual: ArrayLike<number>, name: string, tolerance: number): void {
  const expected = toFloat64(tensor(name));
  expect(actual.length, name).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs((actual[i] as number) - value), `${name}[${i}]`).toBeLessThan(tolerance);
  });
}

for (const adapter of await adapterCases()) {
  describe(`ten steps as PyTorch takes them, on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(Object.entries(cases))('%s with clipping, MultiStep and EMA', async (name, options) => {
      const device = await devices.open();
      using network = new TwoHeads();
      const first = [...network.namedParameters()].map(
        ([key, { shape }]) => [key, fromFloat32(host(`in.p.${key}`).data, shape)] as const,
      );
      network.loadStateDict(device, new Map(first));
      using arena = new ParameterArena(network.namedParameters());
      using optimizer = make(arena, options);
      using ema = new Ema(arena, { decay: schedule.ema });
      const batch = { x: host('in.x'), targets: { a: host('in.a'), b: host('in.b') } };
      const [losses, norms, rates]: [number[], number[], number[]] = [[], [], []];
      for (const present of heads) {
        const { loss, gradients } = await lossAndGradients(device, network, batch, present);
        losses.push(loss);
        rates.push(optimizer.lr);
        optimizer.step(gradients, { maxNorm: schedule.max_norm });
        norms.push(await optimizer.gradientNorm());
        ema.update();
        gradients.dispose();
      }
      expectNear(losses, `${name}/loss`, 1e-6);
      expectNear(norms, `${name}/norm`, 1e-6);
      expectNear(rates, `${name}/lr`, 1e-15);
      const [state, average] = [await optimizer.stateDict(), await ema.stateDict()];
      for (const [key, parameter] of network.namedParameters()) {
        const values = parameter.packing.unpack(await parameter.tensor.readFloats());
        expectNear(values, `${name}/p.${key}`, 2e-6);
        expectNear(toFloat32(average.get(`params_ema.${key}`) as FileTensor), `${name}/ema.${key}`, 2e-6);
        for (const moment of ['exp_avg', 'exp_avg_sq', 'momentum_buffer']) {
          const expected = tensors.has(`${name}/state.${moment}.${key}`);
          const actual = state.get(`${moment}.${key}`);
          expect(actual !== undefined, `${name}/state.${moment}.${key}`).toBe(expected);
          if (actual) expectNear(toFloat32(actual), `${name}/state.${moment}.${key}`, 2e-6);
        }
      }
    });
  });
}
