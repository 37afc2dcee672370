import {
  Adam,
  add,
  backward,
  Conv2d,
  Ema,
  type FileTensor,
  fromFloat32,
  Group,
  Module,
  multiStep,
  openScope,
  Parameter,
  ParameterArena,
  plainChannels,
  plainPacking,
  silu,
  Tape,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
  toFloat32,
  upsampleNearest2d,
} from '@lua-webgpu/tensor';
import { Objective, type ObjectiveConfig, type ObjectiveReport } from '@lua-webgpu/train';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const golden = goldenCase('loss_steps');
const described = <T>(key: string) => JSON.parse(golden.metadata.get(key) ?? '') as T;
const stages = described<Record<string, { objective: ObjectiveConfig; betas: [number, number] }>>('stages');
const {
  steps,
  lr,
  milestones,
  gamma,
  max_norm,
  ema: decay,
} = described<{
  steps: number;
  lr: number;
  milestones: number[];
  gamma: number;
  max_norm: number;
  ema: number;
}>('schedule');

/** The decoder of losses.py: latents [B, 4, h, w] to images [B, 3, 4h, 4w]. */
class Decoder extends Module {
  readonly conv_in = new Conv2d(plainChannels(4), plainChannels(8));
  readonly conv_up = new Conv2d(plainChannels(8), plainChannels(8));
  readonly conv_out = new Conv2d(plainChannels(8), plainChannels(3));

  override members() {
    return { conv_in: this.conv_in, conv_up: this.conv_up, conv_out: this.conv_out };
  }

  forward(z: Tensor): Tensor {
    const wide = (x: Tensor) => upsampleNearest2d(silu(x), { factor: 2 });
    const features = wide(this.conv_up.forward(wide(this.conv_in.forward(toChannelsLast(z)))));
    return toChannelsFirst(this.conv_out.forward(features));
  }
}

for (const adapter of await adapterCases()) {
  describe(`ten steps on latents through a decoder as PyTorch takes them, on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(Object.entries(stages))('stage %s', async (stage, { objective: config, betas }) => {
      const device = await devices.open();
      const objective = new Objective(config);
      using decoder = new Decoder();
      const weights = [...golden.params()].map(
        ([name, { shape, data }]) => [name, fromFloat32(data, shape)] as const,
      );
      decoder.loadStateDict(device, new Map(weights));
      const { shape, data } = entry(golden.inputs, 'in.z');
      using latents = new Group({ z: new Parameter(plainPacking(shape), () => data) });
      latents.initialize(device);
      using arena = new ParameterArena(latents.namedParameters());
      using optimizer = new Adam(arena, { lr: multiStep({ lr, milestones, gamma }), betas });
      using average = new Ema(arena, { decay });
      using scope = openScope(device);
      const wanted = scope.tensor(entry(golden.inputs, 'in.target').data, shape);
      const target = { latent: wanted, pixel: decoder.forward(wanted) };

      const reports: ObjectiveReport[] = [];
      const norms: number[] = [];
      for (let step = 0; step < steps; step++) {
        using inner = scope.child();
        using tape = new Tape();
        const zero = tape.constant(inner.tensor(new Float32Array(data.length), shape));
        const latent = add(latents.parts.z.tensor, zero);
        const { total, values } = objective.evaluate({ latent, pixel: decoder.forward(latent) }, target);
        using gradients = backward(total);
        optimizer.step(gradients, { maxNorm: max_norm });
        average.update();
        reports.push(await objective.read(values));
        norms.push(await optimizer.gradientNorm());
      }

      const histories = new Map<string, number[]>([
        ['total', reports.map(({ total }) => total)],
        ['norm', norms],
      ]);
      for (const { name } of objective.terms)
        histories.set(
          name,
          reports.map(({ terms }) => terms[name]?.value ?? Number.NaN),
        );
      for (const [name, history] of histories) {
        const expected = entry(golden.outputs, `${stage}/out.${name}`).data;
        expect(history.length, name).toBe(expected.length);
        for (const [step, value] of history.entries()) {
          const relative = Math.abs(value / (expected[step] as number) - 1);
          expect(relative, `${name} at step ${step}`).toBeLessThan(1e-5);
        }
      }
      const [last, smooth] = [await latents.stateDict(), await average.stateDict()];
      for (const [name, tensor] of [
        ['z', last.get('z')],
        ['ema', smooth.get('params_ema.z')],
      ] as const) {
        const expected = entry(golden.outputs, `${stage}/out.${name}`);
        const { error } = compareGolden(expected, toFloat32(tensor as FileTensor), shape);
        expect(error, name).toBeLessThanOrEqual(Math.max(1e-5, expected.tolerance));
      }
    });
  });
}
