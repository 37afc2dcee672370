import {
  type Device,
  mergePicks,
  storedPicks,
  storePicks,
  type TunedShape,
  type TuneResult,
  tune as tuneKernels,
} from '@lua-webgpu/kernels';
import { type Lua, presetNames, pretrainedNetworks } from '@lua-webgpu/lua-model';
import { backward, mean, openScope, square, Tape } from '@lua-webgpu/tensor';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { exact, withDevice } from '../device.ts';
import { parseSize } from '../latent-file.ts';
import { checkModelOptions, openModel } from '../model.ts';
import { shared } from '../options.ts';

const spec = {
  name: 'tune',
  summary: 'find the fastest kernels of this adapter for a model, and keep the choice',
  positionals: [],
  options: {
    weights: {
      type: 'string',
      placeholder: 'FILE',
      about: `the model, .safetensors or .pth, or ${pretrainedNetworks.join(', ')}`,
    },
    config: { type: 'string', placeholder: 'FILE', about: 'its configuration, JSON' },
    preset: { type: 'string', choices: presetNames, about: 'a configuration by name; default: light' },
    channels: { type: 'string', choices: ['4', '16'], about: 'of the latent; default: 16' },
    size: { type: 'string', placeholder: 'HxW', about: 'of the latent; default: 64x64' },
    batch: { type: 'string', placeholder: 'N', about: 'latents at once; default: 1' },
    backward: { type: 'boolean', about: 'the backward pass too, for training' },
    repeats: { type: 'string', placeholder: 'N', about: 'timed runs of each variant; default: 3' },
    adapter: shared.adapter,
    ...commonOptions,
  },
  details:
    'Runs the model with every variant of every kernel that takes its shapes, compares the results with those of the default choice, and times each variant inside the whole. Where another than the default takes less than 95 % of its time, that is kept for this adapter and shape; later commands and openDevice use it. LUA_WEBGPU_TUNED=0 ignores what is kept, LUA_WEBGPU_KERNEL overrules it. Results differ in the last digits from those of the default choice.',
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const given = { weights: parsed.text('weights'), config: parsed.text('config') };
  const named = given.weights === undefined && given.config === undefined;
  const source = { ...given, preset: parsed.text('preset') ?? (named ? 'light' : undefined) };
  checkModelOptions(source);
  const channels = Number(parsed.text('channels') ?? '16');
  const [height, width] = parseSize(parsed.text('size')) ?? [64, 64];
  const shape = [parsed.count('batch') ?? 1, channels, height, width];
  const tuned = await withDevice(
    parsed.text('adapter'),
    context,
    async (device) => {
      const { model, weights } = await openModel(device, source, channels);
      const work = parsed.has('backward')
        ? trainingWork(device, model, shape)
        : forwardWork(device, model, shape);
      const result = await tuneKernels(device, work, {
        repeats: parsed.count('repeats') ?? 3,
        signal,
        onProgress: (done, total) => output.progress('tuning', done, total),
      });
      return { adapter: device.adapter, weights, result };
    },
    exact,
  );
  const { adapter, weights, result } = tuned;
  const path = await storePicks(adapter, mergePicks((await storedPicks(adapter)) ?? {}, result));
  const shapes = result.shapes.map(({ key, ms, picked }) => ({ key, ms: Object.fromEntries(ms), picked }));
  output.result({ adapter, weights, path, picks: result.picks, wrong: result.wrong, shapes });
  for (const line of describe(result)) output.print(line);
  output.print(`${path}: the picks for ${adapter.name}`);
  return 0;
}

/** What changes, the greatest gain first. */
function describe({ shapes, wrong }: TuneResult): string[] {
  const time = ({ ms }: TunedShape, variant: string) => ms.get(variant) ?? 0;
  const standard = ({ ms }: TunedShape) => [...ms.keys()][0] ?? '';
  const changed = shapes
    .filter((shape) => shape.picked !== standard(shape))
    .map((shape) => ({ shape, gain: time(shape, standard(shape)) - time(shape, shape.picked) }))
    .sort((a, b) => b.gain - a.gain);
  return [
    `${shapes.length} shapes with a choice, another than the default for ${changed.length}`,
    ...changed.map(
      ({ shape }) =>
        `  ${standard(shape)} ${time(shape, standard(shape)).toFixed(2)} ms, ${shape.picked} ${time(shape, shape.picked).toFixed(2)} ms: ${shape.key}`,
    ),
    ...wrong.map((name) => `  not used, its results differ: ${name}`),
  ];
}

/** Values of the order of a latent's, the same each time. */
const latentValues = (shape: readonly number[]) =>
  Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, i) => 2 * Math.sin(1.7 * i + i ** 2 / 97),
  );

function forwardWork(device: Device, model: Lua, shape: readonly number[]) {
  const values = latentValues(shape);
  return async () => {
    using scope = openScope(device);
    const outputs = model.forward(scope.tensor(values, shape));
    return await Promise.all([...outputs.values()].map((output) => output.readFloats()));
  };
}

/** A forward and a backward pass for each scale, as a training step has them; gives the gradients. */
function trainingWork(device: Device, model: Lua, shape: readonly number[]) {
  const values = latentValues(shape);
  return async () => {
    const results: Float32Array[] = [];
    for (const scale of model.scales) {
      using scope = openScope(device);
      using tape = new Tape();
      const outputs = model.forward(tape.constant(scope.tensor(values, shape)), [scale]);
      const [output] = [...outputs.values()];
      if (!output) continue;
      using gradients = backward(mean(square(output)));
      for (const [, parameter] of model.namedParameters()) {
        const gradient = gradients.of(parameter);
        if (gradient) results.push(await gradient.readFloats());
      }
    }
    return results;
  };
}

export const tune: Command = { spec, run };
