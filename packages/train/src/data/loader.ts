import type { Dataset } from './dataset.ts';
import type { Batch } from './types.ts';

export interface LoaderOptions {
  readonly seed: number;
  /** Samples per step. */
  readonly batch: number;
  /** Samples per call of `batch`; default: all of the step's. */
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
 * sequence of shuffled epochs; micro-batch m of it the m-th part of these.
 */
export class Loader {
  readonly dataset: Dataset;
  readonly options: LoaderOptions;

  constructor(dataset: Dataset, options: LoaderOptions) {
    this.dataset = dataset;
    this.options = options;
  }

  /** Micro-batches per step. */
  get microBatches(): number {
    const { batch, microBatch = batch } = this.options;
    return batch / microBatch;
  }

  batch(_step: number, _microBatch = 0): Promise<Batch> {
    return Promise.reject(new Error('not there yet'));
  }
}
