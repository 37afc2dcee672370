import { mkdir } from 'node:fs/promises';
import { NonFiniteError } from '@lua-webgpu/kernels';
import { cropImage, type RgbImage, readImage, resizeImage } from '@lua-webgpu/lua-model';
import { unwritable } from '@lua-webgpu/tensor';
import { acquireLock, cleanLeftovers } from '../disk/index.ts';
import { ahead } from './ahead.ts';
import { findPhotos } from './photos.ts';
import { type Existing, findExisting, orReason, type Plan, planWork, type Unreadable } from './plan.ts';
import { Rate } from './rate.ts';
import { settingsOf, type TilingOfPhotos } from './settings.ts';
import { type PhotoReport, ShardWriter } from './shard-writer.ts';
import { resized } from './tiles.ts';
import type { DatasetIndex, DatasetSettings, Encoder, SampleOrigin } from './types.ts';

export interface PrepareOptions extends TilingOfPhotos {
  /** Files, or folders with everything below them. */
  readonly photos: readonly string[];
  readonly out: string;
  readonly encoder: Encoder;
  /** Samples that the folder shall hold at most. */
  readonly limit?: number | undefined;
  /** Crops that are encoded together; 4. */
  readonly batch?: number | undefined;
  /** Samples per shard; 128. */
  readonly shardSize?: number | undefined;
  /** Photographs that are decoded while the device encodes; 3. */
  readonly decodeAhead?: number | undefined;
  /** When it aborts, what is encoded is written, and its reason thrown. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PrepareProgress) => void) | undefined;
}

export interface PrepareProgress {
  /** Crops in the folder, those of earlier runs included. */
  readonly done: number;
  readonly total: number;
  /** Photographs that could not be read, so far. */
  readonly unreadable: number;
  /** Crops per second over the last minute. */
  readonly perSecond: number | undefined;
  readonly secondsLeft: number | undefined;
}

export interface PrepareResult {
  readonly index: DatasetIndex;
  /** Samples that this run added. */
  readonly added: number;
}

/** A shard is written at least so often, so that a kill loses no more. */
const SHARD_MS = 5 * 60_000;

/**
 * Cuts photographs into crops, encodes each crop and its downsampled versions separately (latents are never
 * downsampled), and writes shards of latents with an index. What a folder holds already is kept, and only the rest is
 * done. The samples of a folder, and their order, do not depend on where runs were interrupted.
 *
 * @throws FileError `file-not-found`, `photos-none`, `photos-source`, `dataset-settings` for a folder that was prepared
 * otherwise, `dataset-foreign`, `dataset-index`, `dataset-shard`, `run-locked`, `file-unwritable`, `file-disk-full`
 * @throws ShapeError `prepare-options`; NonFiniteError `non-finite` where the encoder gives NaN or infinity
 */
export async function prepareData(options: PrepareOptions): Promise<PrepareResult> {
  const { out, encoder, limit = Number.POSITIVE_INFINITY, signal } = options;
  const settings = settingsOf(encoder, options);
  const photos = await findPhotos(options.photos);
  await makeFolder(out);
  const lock = await acquireLock(out, 'prepare');
  try {
    await cleanLeftovers(out);
    const before = await findExisting(out, settings);
    const plan = await planWork(photos, settings, before, limit, signal);
    return await new Preparation(options, settings, before, plan).run();
  } finally {
    await lock.release();
  }
}

async function makeFolder(out: string): Promise<void> {
  try {
    await mkdir(out, { recursive: true });
  } catch (error) {
    throw unwritable(out, error);
  }
}

interface Crop {
  readonly origin: SampleOrigin;
  readonly image: RgbImage;
}

/** One run over a plan. */
class Preparation {
  readonly #options: PrepareOptions;
  readonly #settings: DatasetSettings;
  readonly #plan: Plan;
  readonly #writer: ShardWriter;
  readonly #kept: number;
  readonly #unreadable: Unreadable[];
  readonly #rate = new Rate();
  #added = 0;
  /** Crops of photographs that turned out unreadable. */
  #lost = 0;
  #written = performance.now();

  constructor(options: PrepareOptions, settings: DatasetSettings, before: Existing, plan: Plan) {
    this.#options = options;
    this.#settings = settings;
    this.#plan = plan;
    this.#kept = before.done.size;
    this.#unreadable = [...plan.unreadable];
    this.#writer = new ShardWriter(options.out, settings, before.index?.shards ?? []);
  }

  async run(): Promise<PrepareResult> {
    const { signal, batch = 4 } = this.#options;
    // Settings are on the disk before the first shard is, so that no later run can mix others in.
    await this.#flush();
    try {
      let crops: Crop[] = [];
      for await (const crop of this.#crops()) {
        signal?.throwIfAborted();
        crops.push(crop);
        if (crops.length < batch) continue;
        await this.#encode(crops);
        crops = [];
      }
      if (crops.length > 0) await this.#encode(crops);
    } catch (error) {
      // Whatever ended the run, what was encoded is kept; that it cannot be written is known already or will show.
      await this.#flush().catch(() => undefined);
      throw error;
    }
    return { index: await this.#flush(), added: this.#added };
  }

  async *#crops(): AsyncGenerator<Crop> {
    const { decodeAhead = 3 } = this.#options;
    const decoded = ahead(this.#plan.photos, decodeAhead, async (photo) => {
      return { photo, read: await orReason(readImage(photo.path)) };
    });
    for await (const { photo, read } of decoded) {
      if (typeof read === 'string') {
        this.#unreadable.push({ source: photo.source, reason: read });
        this.#lost += photo.tiles.length;
        this.#report();
      } else {
        yield* cropsOf(read.image, photo.tiles, this.#settings);
      }
    }
  }

  async #encode(crops: readonly Crop[]): Promise<void> {
    const { encoder, shardSize = 128 } = this.#options;
    const { scales, pixels } = this.#settings;
    if (this.#added === 0) this.#rate.mark(0);
    const encoded = await encoder.encode(
      crops.map(({ image }) => image),
      scales,
    );
    for (const [i, { origin, image }] of crops.entries()) {
      const latents = new Map([...encoded].map(([scale, values]) => [scale, part(values, i, crops.length)]));
      requireFinite(latents, origin);
      this.#writer.add({ origin, latents, pixels: pixels ? toBytes(image) : undefined });
    }
    this.#added += crops.length;
    this.#rate.mark(this.#added);
    this.#report();
    if (this.#writer.waiting >= shardSize || performance.now() - this.#written > SHARD_MS)
      await this.#flush();
  }

  async #flush(): Promise<DatasetIndex> {
    this.#written = performance.now();
    const report: PhotoReport = { unreadable: this.#unreadable, small: this.#plan.small };
    return await this.#writer.flush(report);
  }

  #report(): void {
    const left = this.#plan.missing - this.#added - this.#lost;
    const done = this.#kept + this.#added;
    this.#options.onProgress?.({
      done,
      total: done + left,
      unreadable: this.#unreadable.length,
      perSecond: this.#rate.perSecond,
      secondsLeft: this.#rate.secondsFor(left),
    });
  }
}

function* cropsOf(
  photo: RgbImage,
  tiles: readonly SampleOrigin[],
  { crop, photo_scales }: DatasetSettings,
): Generator<Crop> {
  for (const factor of photo_scales) {
    const own = tiles.filter(({ photo_scale }) => photo_scale === factor);
    if (own.length === 0) continue;
    const { width, height } = resized(photo, factor);
    const image = factor === 1 ? photo : resizeImage(photo, width, height);
    for (const origin of own) {
      const box = { left: origin.x, top: origin.y, width: crop, height: crop };
      yield { origin, image: cropImage(image, box) };
    }
  }
}

function part(values: Float32Array, index: number, parts: number): Float32Array {
  const length = values.length / parts;
  return values.subarray(index * length, (index + 1) * length);
}

function requireFinite(latents: ReadonlyMap<number, Float32Array>, { source, x, y }: SampleOrigin): void {
  for (const values of latents.values()) {
    if (values.every(Number.isFinite)) continue;
    throw new NonFiniteError(
      'non-finite',
      `the latent of the crop of ${source} at (${x}, ${y}) holds NaN or infinity`,
      'Check the VAE: its weights may be damaged, or not those of its profile.',
    );
  }
}

function toBytes({ data }: RgbImage): Uint8Array {
  return Uint8Array.from(data, (value) => Math.round(Math.min(1, Math.max(0, value)) * 255));
}
