import type { HostLatent } from '@lua-webgpu/lua-model';
import { toFloat32 } from '@lua-webgpu/tensor';
import { readIndex } from './index-file.ts';
import { ReaderPool } from './reader-pool.ts';
import { latentName, openShard, readOrigins, verifyShard } from './shard.ts';
import type { DatasetIndex, Sample, SampleOrigin } from './types.ts';

export interface ReadOptions {
  readonly scales: readonly number[];
  readonly pixels?: boolean | undefined;
}

/** Prepared data, open for reading. */
export abstract class Dataset {
  abstract readonly folder: string;
  abstract readonly index: DatasetIndex;

  /** Number of samples. */
  get length(): number {
    return this.index.samples;
  }

  /** Channels of the latents. */
  get channels(): number {
    return this.index.settings.vae.channels;
  }

  /** Side of the HR latents. */
  get side(): number {
    const { crop, vae } = this.index.settings;
    return crop / vae.stride;
  }

  /**
   * One sample, or the parts of it that are asked for.
   * @param id from 0 to length − 1
   * @throws RangeError for another id, a scale or pixels that are not there
   */
  abstract read(id: number, options: ReadOptions): Promise<Sample>;

  abstract origin(id: number): Promise<SampleOrigin>;

  abstract close(): Promise<void>;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export interface OpenDatasetOptions {
  /** Reads every shard and compares it with its SHA-256. */
  readonly verify?: boolean | undefined;
}

/** Files that are open at a time; systems allow 256 and more to a process. */
const MAX_OPEN = 64;

/**
 * Opens a folder that `prepareData` wrote. Index, and size and header of every shard, are checked; samples are then read
 * from the disk one by one.
 *
 * @throws FileError `dataset-none` for a folder without an index, `dataset-index` for one that is damaged,
 * `dataset-version`, `dataset-shard` for a shard that is missing, cut short or of other shapes, `safetensors-…`
 */
export async function openDataset(
  folder: string,
  { verify = false }: OpenDatasetOptions = {},
): Promise<Dataset> {
  const index = await readIndex(folder);
  for (const entry of index.shards) {
    await (await openShard(folder, entry, index.settings)).close();
    if (verify) await verifyShard(folder, entry);
  }
  return new FolderDataset(folder, index);
}

class FolderDataset extends Dataset {
  readonly folder: string;
  readonly index: DatasetIndex;
  readonly #readers: ReaderPool;
  /** Number of the first sample of each shard. */
  readonly #firsts: readonly number[];

  constructor(folder: string, index: DatasetIndex) {
    super();
    this.folder = folder;
    this.index = index;
    let next = 0;
    this.#firsts = index.shards.map(({ samples }) => {
      next += samples;
      return next - samples;
    });
    this.#readers = new ReaderPool((number) => {
      return openShard(folder, index.shards[number] as DatasetIndex['shards'][number], index.settings);
    }, MAX_OPEN);
  }

  async read(id: number, { scales, pixels = false }: ReadOptions): Promise<Sample> {
    const { shard, row } = this.#locate(id);
    return await this.#readers.use(shard, async (reader) => {
      const one = async (name: string) => {
        const { shape, ...tensor } = await reader.read(name, row, 1);
        return { ...tensor, shape: shape.slice(1) };
      };
      const floats = async (name: string): Promise<HostLatent> => {
        const tensor = await one(name);
        return { data: toFloat32(tensor), shape: tensor.shape };
      };
      const [hr, lr, crop] = await Promise.all([
        floats(latentName(1)),
        Promise.all(scales.map(async (scale) => [scale, await floats(latentName(scale))] as const)),
        pixels ? one('pixels') : undefined,
      ]);
      return { id, hr, lr: new Map(lr), ...(crop && { pixels: crop.bytes }) };
    });
  }

  async origin(id: number): Promise<SampleOrigin> {
    const { shard, row } = this.#locate(id);
    return await this.#readers.use(shard, async (reader) => {
      const { samples } = this.index.shards[shard] as DatasetIndex['shards'][number];
      return readOrigins(reader, samples)[row] as SampleOrigin;
    });
  }

  async close(): Promise<void> {
    await this.#readers.close();
  }

  #locate(id: number): { shard: number; row: number } {
    if (!(Number.isSafeInteger(id) && id >= 0 && id < this.length)) {
      throw new RangeError(`${this.folder} has no sample ${id}, it has ${this.length}`);
    }
    let [low, high] = [0, this.#firsts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#firsts[middle] as number) <= id) low = middle;
      else high = middle - 1;
    }
    return { shard: low, row: id - (this.#firsts[low] as number) };
  }
}
