import { readTensorFile, sha256OfFile } from '@lua-webgpu/tensor';
import { type DecoderRecipe, demoDecoder, openDataset, trainDecoder } from '@lua-webgpu/train';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { exact, withDevice } from '../device.ts';
import { UsageError } from '../errors.ts';
import { openModel } from '../model.ts';
import { aboveZero, numbersOf, wholeNumbers } from '../numbers.ts';
import { shared } from '../options.ts';
import { writeWeights } from '../weights-file.ts';

const spec = {
  name: 'train-decoder',
  summary: 'train a small decoder, to look at latents without anybody else’s weights',
  positionals: ['DATA'],
  options: {
    out: { type: 'string', placeholder: 'FILE.safetensors', about: 'the weights, F16', required: true },
    start: {
      type: 'string',
      placeholder: 'FILE',
      about: 'the weights to begin with, those of a decoder of this shape',
    },
    lr: { type: 'string', placeholder: 'X', about: `the peak of the learning rate; ${demoDecoder.lr}` },
    weights: {
      type: 'string',
      placeholder: 'FILE',
      about: 'decode what this network makes of the small latents as well, and these interpolated',
    },
    width: { type: 'string', placeholder: 'N', about: `hidden channels; ${demoDecoder.width}` },
    blocks: {
      type: 'string',
      placeholder: '3,2,1,0',
      about: 'blocks of three convolutions at each resolution, from that of the latent up',
    },
    steps: { type: 'string', placeholder: 'N', about: `updates; ${demoDecoder.steps}` },
    batch: { type: 'string', placeholder: 'N', about: `crops per update; ${demoDecoder.batch}` },
    crop: { type: 'string', placeholder: 'N', about: `side of a crop of the latents; ${demoDecoder.crop}` },
    adapter: shared.adapter,
    ...commonOptions,
  },
  details:
    'DATA is a folder that prepare made with --pixels. The decoder has the layout of TAESD, so that --vae and diffusers read it, and learns the L1 difference from the photographs. After Ctrl-C what was learned so far is written.',
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const out = parsed.required('out');
  const recipe = recipeOf(parsed);
  await using dataset = await openDataset(parsed.positionals[0] as string);
  const { settings, sha256 } = dataset.index;
  const weights = parsed.text('weights');
  const source = { weights, config: undefined, preset: undefined };
  const start = parsed.text('start');
  const initial = start === undefined ? undefined : (await readTensorFile(start)).tensors;
  const begin = performance.now();
  const { tensors, steps, adapter, network } = await withDevice(
    parsed.text('adapter'),
    context,
    async (device) => {
      const opened =
        weights === undefined ? undefined : await openModel(device, source, settings.vae.channels);
      using network = opened?.model;
      const trained = await trainDecoder(device, dataset, recipe, {
        network,
        initial,
        signal,
        onProgress({ step, steps: total, loss }) {
          const left = (((performance.now() - begin) / step) * (total - step)) / 1000;
          if (output.interactive) output.progress('steps', step, total, `, L1 ${loss.toFixed(4)}`);
          else output.note(JSON.stringify({ type: 'progress', step, steps: total, loss, secondsLeft: left }));
        },
      });
      return { ...trained, adapter: device.adapter.name, network: opened?.weights };
    },
    exact,
  );
  const seconds = (performance.now() - begin) / 1000;
  const { profile } = settings.vae;
  const metadata = new Map([
    ['recipe', JSON.stringify({ ...recipe, steps })],
    ['vae', profile],
    ['data', sha256],
    ...(network ? ([['network', network.sha256 ?? network.name]] as const) : []),
    ...(start === undefined ? [] : ([['start', await sha256OfFile(start)]] as const)),
  ]);
  await writeWeights(out, tensors, 'F16', metadata);
  output.result({ out, profile, steps, seconds, adapter, data: sha256, network: network ?? null });
  output.print(`${out}: a decoder for ${profile} latents after ${steps} steps in ${seconds.toFixed(0)} s`);
  return 0;
}

/** @throws UsageError `usage-value` */
function recipeOf(parsed: Parsed): DecoderRecipe {
  const given = Object.fromEntries(
    (['width', 'steps', 'batch', 'crop'] as const).flatMap((name) => {
      const value = parsed.count(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const blocks = numbersOf(parsed, 'blocks', wholeNumbers) ?? demoDecoder.blocks;
  const [lr = demoDecoder.lr] = numbersOf(parsed, 'lr', aboveZero) ?? [];
  const recipe: DecoderRecipe = { ...demoDecoder, ...given, blocks, lr };
  if (recipe.width % 4 === 0) return recipe;
  throw new UsageError('usage-value', `--width is ${recipe.width}`, 'It is a multiple of 4.');
}

export const trainDecoderCommand: Command = { spec, run };
