import { preset } from '@lua-webgpu/lua-model';
import { parseSafetensors, toFloat32 } from '@lua-webgpu/tensor';
import { stageObjectives } from '@lua-webgpu/train';
import { hyperparameters, stepData } from '../../training/step.ts';
import type { Prepared } from '../contender.ts';
import type { Sizes } from '../problems.ts';
import { stepOutputs } from '../step.ts';
import type { Arr, Arrays, Jax } from './api.ts';
import { JaxNetwork } from './network.ts';

interface State {
  readonly parameter: Arr;
  readonly first: Arr;
  readonly second: Arr;
  readonly average: Arr;
}

/**
 * The step of `training/step.ts`: its losses, the gradient by jax-js, clipping, Adam and the moving average, which are
 * written out since the package has no optimisers.
 */
export function prepareStep(
  jax: Jax,
  sizes: Sizes['step'],
  file: Uint8Array,
  throwInvalid: () => void,
): Prepared {
  const { numpy } = jax;
  const weights = stageObjectives.I;
  const config = preset(sizes.preset);
  const { lr, betas, eps, maxNorm, decay } = hyperparameters;
  const data = stepData(config, sizes.batch);
  const sides = data.inputs.map(({ shape }) => shape.at(-1) as number);
  const network = new JaxNetwork(jax, config, sides);
  const upload = ({ values, shape }: { values: Float32Array; shape: readonly number[] }) =>
    numpy.array(values).reshape(shape);
  const batch = data.inputs.map(({ scale, ...input }) => ({ scale, x: upload(input) }));
  const target = upload(data.target);

  const spectrum = (x: Arr) => {
    const { real, imag } = numpy.fft.fft2({ real: x.ref, imag: numpy.zerosLike(x) });
    return numpy.sqrt(real.ref.mul(real).add(imag.ref.mul(imag)));
  };
  const meanDifference = (a: Arr, b: Arr) => numpy.abs(a.sub(b)).mean();
  const objective = (found: Arr, expected: Arr) => {
    const spectra = meanDifference(spectrum(found.ref), spectrum(expected.ref));
    return meanDifference(found, expected).mul(weights.l1_latent).add(spectra.mul(weights.fft_latent));
  };
  const gradientOf = jax.jit(
    jax.valueAndGrad((parameters: Arrays) => {
      const losses = batch.map(({ scale, x }) =>
        objective(network.forward(parameters, x.ref, scale), target.ref),
      );
      jax.tree.dispose(parameters);
      return losses.reduce((sum, each) => sum.add(each));
    }),
  );

  const squared = jax.jit((x: Arr) => x.ref.mul(x).sum());
  /** As PyTorch clips. */
  const clipOf = jax.jit((squares: Arr[]) => {
    const norm = numpy.sqrt(numpy.stack(squares).sum());
    return numpy.minimum(numpy.reciprocal(norm.add(1e-6)).mul(maxNorm), 1);
  });
  const blend = (old: Arr, now: Arr, keep: number) => old.mul(keep).add(now.mul(1 - keep));
  /** Adam and the average of one parameter; the corrections are 1 − βᵗ. */
  const update = jax.jit(
    (state: State, gradient: Arr, clip: Arr, correction1: Arr, correction2: Arr): State => {
      const clipped = gradient.mul(clip);
      const first = blend(state.first, clipped.ref, betas[0]);
      const second = blend(state.second, clipped.ref.mul(clipped), betas[1]);
      const root = numpy.sqrt(second.ref.div(correction2)).add(eps);
      const parameter = state.parameter.sub(first.ref.div(correction1).mul(lr).div(root));
      return { parameter, first, second, average: blend(state.average, parameter.ref, decay) };
    },
  );

  const states = new Map<string, State>();
  for (const [name, tensor] of parseSafetensors(file, 'the weights').tensors) {
    const parameter = upload({ values: toFloat32(tensor), shape: tensor.shape });
    const zeros = () => numpy.zerosLike(parameter.ref);
    states.set(name, { parameter, first: zeros(), second: zeros(), average: parameter.ref });
  }
  let steps = 0;

  async function step(): Promise<number> {
    steps += 1;
    const [value, gradient] = gradientOf(
      Object.fromEntries([...states].map(([name, { parameter }]) => [name, parameter.ref])),
    );
    const clip = clipOf(Object.values(gradient).map((each) => squared(each.ref)));
    // Each array waits for all work that is pending when it is asked, so 1,200 of them at once are out of memory.
    await jax.blockUntilReady(clip);
    const [correction1, correction2] = betas.map((beta) =>
      numpy.array(Float32Array.of(1 - beta ** steps)),
    ) as [Arr, Arr];
    for (const [name, state] of states) {
      states.set(name, update(state, gradient[name] as Arr, clip.ref, correction1.ref, correction2.ref));
    }
    jax.tree.dispose([clip, correction1, correction2]);
    await jax.blockUntilReady([...states.values()]);
    throwInvalid();
    return (await value.data())[0] as number;
  }

  return {
    async run() {
      await step();
    },
    async read() {
      const first = await step();
      const moments = new Map<string, Float32Array>();
      for (const [name, state] of states) moments.set(name, await state.first.ref.data());
      return stepOutputs([first, await step()], moments);
    },
    dispose() {
      jax.tree.dispose([...states.values()]);
      for (const { x } of batch) x.dispose();
      target.dispose();
      network.dispose();
    },
  };
}
