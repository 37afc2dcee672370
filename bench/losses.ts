import { abs, backward, mean, openScope, sub, Tape, type Tensor } from '@lua-webgpu/tensor';
import {
  type LossInputs,
  type LossName,
  lossNames,
  lossTerms,
  Objective,
  stageObjectives,
} from '@lua-webgpu/train';
import type { BenchCase } from './case.ts';

/** A batch of HR latents of 512² images, and one of decoded crops. */
const shapes = { latent: [8, 16, 64, 64], pixel: [4, 3, 128, 128] } as const;
const spaces = ['latent', 'pixel'] as const;

/** A forward and a backward pass from the predictions, allocation included; `flops` of the transforms alone. */
const lossCase = (
  name: string,
  transforms: Partial<Record<keyof typeof shapes, number>>,
  loss: (prediction: LossInputs, target: LossInputs) => Tensor,
): BenchCase => ({
  name,
  async setup(device) {
    const scope = openScope(device);
    const upload = (shape: readonly number[], phase: number) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return scope.tensor(
        Float32Array.from({ length }, (_, i) => (1 + Math.sin(phase + 1.7 * i)) / 2),
        shape,
      );
    };
    const batch = (phase: number) => ({
      latent: upload(shapes.latent, phase),
      pixel: upload(shapes.pixel, phase),
    });
    const [prediction, target] = [batch(1), batch(2)];
    const used = spaces.filter((space) => transforms[space] !== undefined);
    const work = used.map((space) => {
      const [, , height, width] = shapes[space];
      const count = prediction[space].size;
      const flops = (transforms[space] ?? 0) * 2.5 * count * Math.log2(height * width);
      return { flops, bytes: 12 * count };
    });
    return {
      run() {
        using inner = scope.child();
        using tape = new Tape();
        const watched = (x: Tensor) => tape.watch(inner.borrow(x));
        const value = loss({ latent: watched(prediction.latent), pixel: watched(prediction.pixel) }, target);
        backward(value).dispose();
      },
      flops: work.reduce((sum, { flops }) => sum + flops, 0),
      bytes: work.reduce((sum, { bytes }) => sum + bytes, 0),
      dispose: () => scope.dispose(),
    };
  },
});

const termCase = (name: LossName): BenchCase => {
  const { space } = lossTerms[name];
  const transforms = { [space]: name.startsWith('fft') ? 4 : 0 };
  const objective = new Objective({ [name]: 1 });
  return lossCase(
    `loss ${name} of ${shapes[space].join('×')}, forward and backward`,
    transforms,
    (p, t) => objective.evaluate(p, t).total,
  );
};

/** The losses of a stage for one head. */
export const stageCases: BenchCase[] = Object.entries(stageObjectives).map(([stage, config]) => {
  const objective = new Objective(config);
  const transforms = {
    ...(objective.needsLatents && { latent: 4 }),
    ...(objective.needsPixels && { pixel: stage === 'III' ? 4 : 0 }),
  };
  return lossCase(
    `losses of stage ${stage}, forward and backward`,
    transforms,
    (p, t) => objective.evaluate(p, t).total,
  );
});

export const cases: BenchCase[] = [
  ...lossNames.map(termCase),
  lossCase(
    `loss l1_latent by sub, abs, mean of ${shapes.latent.join('×')}, forward and backward`,
    { latent: 0 },
    (p, t) => mean(abs(sub(p.latent as Tensor, t.latent as Tensor))),
  ),
  ...stageCases,
];
