import { formatDuration, type PrepareProgress, prepareData, VaeEncoder } from '@lua-webgpu/train';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { withDevice } from '../device.ts';
import { aboveZero, numbersOf } from '../numbers.ts';
import { shared } from '../options.ts';
import type { Output } from '../output.ts';

const spec = {
  name: 'prepare',
  summary: 'make training data from photographs: crops, encoded by a VAE',
  positionals: ['PHOTOS…'],
  options: {
    vae: { ...shared.vae, required: true },
    out: { type: 'string', placeholder: 'DIR', about: 'the folder of the data', required: true },
    profile: shared.profile,
    crop: { type: 'string', placeholder: 'N', about: 'side of a crop in pixels; 512' },
    stride: {
      type: 'string',
      placeholder: 'N',
      about: 'pixels between crops; as many as a side, so that none overlap',
    },
    'min-side': {
      type: 'string',
      placeholder: 'N',
      about: 'leave out photographs with a shorter side; 1440',
    },
    scales: { type: 'string', placeholder: '2,4', about: 'scales to make LR latents for' },
    'photo-scales': {
      type: 'string',
      placeholder: '1,0.5',
      about: 'factors by which each photograph is resized before it is cropped; 1',
    },
    limit: { type: 'string', placeholder: 'N', about: 'samples that the folder shall hold at most' },
    pixels: { type: 'boolean', about: 'keep the crops too, for losses against the photographs' },
    dtype: { type: 'string', choices: ['F32', 'F16'], about: 'type of the stored latents; F32' },
    batch: { type: 'string', placeholder: 'N', about: 'crops that are encoded together; 4' },
    adapter: shared.adapter,
    ...commonOptions,
  },
  details: `PHOTOS are picture files, or folders with everything below them. Each whole crop gives one sample: its latent, and for each scale the latent of the crop resized by antialiased bicubic. DIR gets shards (safetensors) and index.json.

What DIR holds already is kept: after Ctrl-C, a crash, or with more photographs or a higher limit, the same command does the rest. Other settings or another VAE are refused. Photographs that cannot be read are left out, counted, and listed in index.json.`,
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const out = parsed.required('out');
  const options = {
    photos: parsed.positionals,
    out,
    crop: parsed.count('crop'),
    stride: parsed.count('stride'),
    minSide: parsed.count('min-side'),
    scales: numbersOf(parsed, 'scales', aboveZero),
    photoScales: numbersOf(parsed, 'photo-scales', aboveZero),
    limit: parsed.count('limit'),
    pixels: parsed.has('pixels'),
    dtype: parsed.text('dtype') as 'F32' | 'F16' | undefined,
    batch: parsed.count('batch'),
    signal,
  };
  const reporter = new Reporter(output);
  const begin = performance.now();
  try {
    const { index, added } = await withDevice(parsed.text('adapter'), context, async (device) => {
      using encoder = await VaeEncoder.load(device, parsed.required('vae'), parsed.text('profile'));
      return await prepareData({ ...options, encoder, onProgress: (progress) => reporter.report(progress) });
    });
    const seconds = (performance.now() - begin) / 1000;
    const { samples, shards, unreadable, small, settings, sha256 } = index;
    output.result({
      out,
      samples,
      added,
      shards: shards.length,
      unreadable,
      small,
      settings,
      sha256,
      seconds,
    });
    output.print(
      `${out}: ${samples} samples in ${shards.length} shards, ${added} of them new, in ${formatDuration(seconds)}`,
    );
    if (small > 0) output.print(`${small} photographs were too small`);
    for (const { source, reason } of unreadable.slice(0, 20))
      output.warn(`${source} was left out: ${reason}`);
    if (unreadable.length > 20) {
      output.warn(`${unreadable.length - 20} more were left out; index.json lists all`);
    }
    if (samples === 0)
      output.warn('no photograph gave a sample; --min-side and --crop say how large they must be');
    return 0;
  } catch (error) {
    if (signal.aborted) output.note(`${reporter.state()} in ${out}; the same command goes on from there`);
    throw error;
  }
}

/** Milliseconds between lines where nobody watches. */
const PAUSE = 10_000;

/** A bar for people, JSON lines for what is no terminal. */
class Reporter {
  readonly #output: Output;
  #last: PrepareProgress | undefined;
  #next = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  report(progress: PrepareProgress): void {
    this.#last = progress;
    const { done, total, perSecond, secondsLeft, unreadable } = progress;
    if (this.#output.interactive) {
      const rate = perSecond === undefined ? '' : `, ${perSecond.toFixed(2)}/s`;
      const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft)} left`;
      const bad = unreadable === 0 ? '' : `, ${unreadable} unreadable`;
      this.#output.progress('crops', done, total, `${rate}${left}${bad}`);
      return;
    }
    if (performance.now() < this.#next && done < total) return;
    this.#next = performance.now() + PAUSE;
    this.#output.note(JSON.stringify({ type: 'progress', ...progress }));
  }

  state(): string {
    return this.#last ? `${this.#last.done} of ${this.#last.total} crops are` : 'No crop is';
  }
}

export const prepare: Command = { spec, run };
