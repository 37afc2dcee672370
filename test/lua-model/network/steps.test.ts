import type { Device } from '@lua-webgpu/kernels';
import { parseConfig } from '@lua-webgpu/lua-model';
import {
  Adam,
  add,
  backward,
  Ema,
  type FileTensor,
  multiStep,
  openScope,
  ParameterArena,
  Tape,
  toFloat32,
} from '@lua-webgpu/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { entry, goldenCase } from '../../golden/load.ts';
import { modelWith, openTestDevice, stageOneLoss } from '../../support/network.ts';

interface Schedule {
  readonly lr: number;
  readonly betas: [number, number];
  readonly eps: number;
  readonly milestones: number[];
  readonly gamma: number;
  readonly max_norm: number;
  readonly ema: number;
}

let device: Device;
beforeAll(async () => {
  device = await openTestDevice();
});
afterAll(() => device.destroy());

/** The rows that are comparable: without the keys' third of qkv.bias, whose true gradient is 0. */
function comparable(name: string, values: ArrayLike<number>): number[] {
  const third = values.length / 3;
  const keys = (i: number) => name.endsWith('qkv.bias') && i >= third && i < 2 * third;
  return Array.from(values).filter((_, i) => !keys(i));
}

it('ten Adam steps with clipping, MultiStep and EMA as PyTorch takes them', async () => {
  const golden = goldenCase('tiny_window8_steps');
  const schedule = JSON.parse(golden.metadata.get('schedule') ?? '') as Schedule;
  using model = modelWith(device, parseConfig(golden.config, golden.name), golden.params());
  using arena = new ParameterArena(model.namedParameters());
  using optimizer = new Adam(arena, { ...schedule, lr: multiStep(schedule) });
  using ema = new Ema(arena, { decay: schedule.ema });
  const history = (name: string) => entry(golden.outputs, `out.${name}`).data;
  for (let k = 0; k < 10; k++) {
    using scope = openScope(device);
    using tape = new Tape();
    const input = entry(golden.inputs, `in.x.${k}`);
    const x = tape.constant(scope.tensor(input.data, input.shape));
    const losses = [...model.forward(x)].map(([scale, prediction]) => {
      const { shape, data } = entry(golden.inputs, `in.target.x${scale}.${k}`);
      // PyTorch's script has h + 6 sign(h), in float64.
      const target = data.map((h) => h + 6 * Math.sign(h));
      return stageOneLoss(prediction, scope.tensor(target, shape));
    });
    const loss = losses.reduce((sum, each) => add(sum, each));
    using gradients = backward(loss);
    expect(optimizer.lr).toBeCloseTo(history('lr')[k] as number, 9);
    optimizer.step(gradients, { maxNorm: schedule.max_norm });
    ema.update();
    const [value, norm] = [(await loss.readFloats())[0] as number, await optimizer.gradientNorm()];
    expect(Math.abs(value / (history('loss')[k] as number) - 1), `loss ${k}`).toBeLessThan(1e-5);
    expect(Math.abs(norm / (history('norm')[k] as number) - 1), `norm ${k}`).toBeLessThan(1e-5);
  }
  const average = await ema.stateDict();
  const compared = new Set(['out.loss', 'out.norm', 'out.lr']);
  for (const [name, parameter] of model.namedParameters()) {
    const results = {
      param: parameter.packing.unpack(await parameter.tensor.readFloats()),
      ema: toFloat32(average.get(`params_ema.${name}`) as FileTensor),
    };
    for (const [kind, values] of Object.entries(results)) {
      const actual = comparable(name, values);
      const expected = comparable(name, entry(golden.outputs, `${kind}.${name}`).data);
      const worst = actual.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))),
        0,
      );
      expect(actual.length).toBe(expected.length);
      // 4e-7 was reached; ten steps move a parameter by up to 0.011.
      expect(worst, `${kind} ${name}`).toBeLessThan(1e-5);
      compared.add(`${kind}.${name}`);
    }
  }
  expect(compared).toEqual(new Set(golden.outputs.keys()));
});
