import { ShapeError } from '@lua-webgpu/kernels';
import { stackBatch } from './batch.ts';
import type { Dataset } from './dataset.ts';
import { cropOrigin, SampleOrder } from './order.ts';
import type { Batch } from './types.ts';

export interface LoaderOptions {
  readonly seed: number;
  /** Samples per step. */
  readonly batch: number;
  /** Samples per call of `batch`, a divisor of `batch`; default: all of the step's. */
  readonly microBatch?: number | undefined;
  readonly scales: readonly number[];
  /** Side of the crop of the HR latent, a multiple of the largest scale; default: all of it. */
  readonly crop?: number | null | undefined;
  /** Whether batches carry the photographs' pixels. */
  readonly pixels?: boolean | undefined;
  /** How many batches are read ahead of the one asked for; 2. */
  readonly prefetch?: number | undefined;
}

/**
 * Batches as a pure function of (seed, step). Step s covers positions s·batch … s·batch + batch − 1 of the endless
 * sequence of shuffled epochs; micro-batch m of it the m-th part of these. So nothing is repeated or left out where a
 * run is resumed, whatever the micro-batch.
 *
 * There are no flips and rotations: those of a latent are no latents of flipped and rotated images (LSRNA, arXiv
 * 2503.18446).
 */
export class Loader {
  readonly dataset: Dataset;
  readonly options: LoaderOptions;
  /** Micro-batches per step. */
  readonly microBatches: number;
  readonly #microBatch: number;
  readonly #crop: number;
  readonly #order: SampleOrder;
  /** Batches by number in the sequence of micro-batches, read or being read. */
  readonly #ahead = new Map<number, Promise<Batch>>();

  /** @throws ShapeError `loader-options` for what the dataset cannot give */
  constructor(dataset: Dataset, options: LoaderOptions) {
    checkOptions(dataset, options);
    this.dataset = dataset;
    this.options = options;
    this.#microBatch = options.microBatch ?? options.batch;
    this.microBatches = options.batch / this.#microBatch;
    this.#crop = options.crop ?? dataset.side;
    this.#order = new SampleOrder(options.seed, dataset.length);
  }

  /**
   * @param step from 0
   * @param microBatch from 0 to `microBatches` − 1
   * @throws what reading the dataset throws
   */
  async batch(step: number, microBatch = 0): Promise<Batch> {
    const { prefetch = 2 } = this.options;
    const number = step * this.microBatches + microBatch;
    const wanted = this.#read(number);
    for (let next = number + 1; next <= number + prefetch; next++) void this.#read(next);
    for (const other of this.#ahead.keys()) {
      if (other <= number || other > number + prefetch) this.#ahead.delete(other);
    }
    return await wanted;
  }

  #read(number: number): Promise<Batch> {
    const known = this.#ahead.get(number);
    if (known) return known;
    const batch = this.#load(number * this.#microBatch);
    // Nobody may ever ask for what was read ahead; who does gets the error.
    batch.catch(() => undefined);
    this.#ahead.set(number, batch);
    return batch;
  }

  async #load(first: number): Promise<Batch> {
    const { dataset, options } = this;
    const { scales, pixels, seed } = options;
    const { stride } = dataset.index.settings.vae;
    const grid = { side: dataset.side, crop: this.#crop, step: Math.max(...scales) };
    const positions = Array.from({ length: this.#microBatch }, (_, i) => first + i);
    const placed = await Promise.all(
      positions.map(async (position) => ({
        sample: await dataset.read(this.#order.at(position), { scales, pixels }),
        origin: cropOrigin(seed, position, grid),
      })),
    );
    return stackBatch(placed, this.#crop, stride);
  }
}

function checkOptions(dataset: Dataset, { batch, microBatch = batch, scales, crop, pixels }: LoaderOptions) {
  const { settings } = dataset.index;
  const largest = Math.max(...scales);
  const unknown = scales.find((scale) => !settings.scales.includes(scale));
  const whole = (value: number) => Number.isSafeInteger(value) && value > 0;
  const problem =
    (dataset.length === 0 && 'there is no sample') ||
    (scales.length === 0 && 'no scale is named') ||
    (unknown !== undefined && `there are no latents for ×${unknown}`) ||
    (pixels && !settings.pixels && 'the pixels were not kept') ||
    (!(whole(batch) && whole(microBatch) && batch % microBatch === 0) &&
      `a batch of ${batch} is not made of micro-batches of ${microBatch}`) ||
    (crop && !(whole(crop) && crop <= dataset.side && crop % largest === 0)
      ? `crops of ${crop} are no multiple of ×${largest} within latents of ${dataset.side}`
      : undefined);
  if (!problem) return;
  throw new ShapeError(
    'loader-options',
    `${dataset.folder}: ${problem}`,
    `The folder has ${dataset.length} samples of ${dataset.side} latent pixels a side for ${settings.scales.map((scale) => `×${scale}`).join(', ')}${settings.pixels ? ', with pixels' : ''}.`,
  );
}
