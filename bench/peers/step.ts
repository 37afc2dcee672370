import type { Device } from '@lua-webgpu/kernels';
import { preset, runStored } from '@lua-webgpu/lua-model';
import { encodeSafetensors, toFloat32 } from '@lua-webgpu/tensor';
import { trainingStep } from '../training/step.ts';
import type { Prepared } from './contender.ts';
import type { Sizes } from './problems.ts';

/** Ours, with everything stored as the peers do. */
export function prepareStep(device: Device, sizes: Sizes['step']): Prepared {
  const config = preset(sizes.preset);
  const step = trainingStep(device, { config, batch: sizes.batch, runBlock: runStored });
  const { model, optimizer } = step;
  return {
    async run() {
      await step.replay();
    },
    async read() {
      const first = await step.replay();
      const state = await optimizer.stateDict();
      const second = await step.replay();
      const moments = [...state].flatMap(([name, tensor]): [string, Float32Array][] =>
        name.startsWith('exp_avg.') ? [[name, toFloat32(tensor)]] : [],
      );
      return stepOutputs([first.loss, second.loss], new Map(moments));
    },
    async model() {
      const parameters = new Set([...model.namedParameters()].map(([name]) => name));
      return encodeSafetensors(
        new Map([...(await model.stateDict())].filter(([name]) => parameters.has(name))),
      );
    },
    dispose: () => step.dispose(),
  };
}

/**
 * What is compared of the first step and the second: the loss, by how much the first update lowered it, and Adam's first
 * moment of every parameter, which is a tenth of its clipped gradient.
 */
export function stepOutputs(
  [first, second]: readonly [number, number],
  moments: ReadonlyMap<string, Float32Array>,
): Float32Array[] {
  const sorted = [...moments].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, values]) => values);
  return [Float32Array.of(first), Float32Array.of(first - second), ...sorted];
}
