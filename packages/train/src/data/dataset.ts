import type { DatasetIndex, Sample, SampleOrigin } from './types.ts';

/** A prepared folder, open for reading. Nothing but the index is held in memory. */
export abstract class Dataset {
  abstract readonly folder: string;
  abstract readonly index: DatasetIndex;
  /** Number of samples. */
  abstract readonly length: number;
  /** Channels of the latents. */
  abstract readonly channels: number;
  /** Side of the HR latents. */
  abstract readonly side: number;

  /** @param id from 0 to length − 1 */
  abstract read(id: number, options: { scales: readonly number[]; pixels?: boolean }): Promise<Sample>;

  abstract origin(id: number): Promise<SampleOrigin>;

  abstract close(): Promise<void>;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export interface OpenDatasetOptions {
  /** Read every shard and compare it with its SHA-256. */
  readonly verify?: boolean;
}

export function openDataset(_folder: string, _options: OpenDatasetOptions = {}): Promise<Dataset> {
  return Promise.reject(new Error('not there yet'));
}
