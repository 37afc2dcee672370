import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { encodeSafetensors, type FileTensor, fromFloat32, writeFileAtomic } from '@lua-webgpu/tensor';
import { makeIndex, writeIndex } from './index-file.ts';
import { latentName, originMetadata, shardName, shardTensors } from './shard.ts';
import type { DatasetIndex, DatasetSettings, SampleOrigin } from './types.ts';

/** What a folder's index says beside settings and shards. */
export type PhotoReport = Pick<DatasetIndex, 'unreadable' | 'small'>;

/** A crop and its latents by scale, 1 for HR. */
export interface EncodedCrop {
  readonly origin: SampleOrigin;
  readonly latents: ReadonlyMap<number, Float32Array>;
  /** [crop, crop, 3], where the settings ask for it. */
  readonly pixels: Uint8Array | undefined;
}

/** Collects samples and writes them shard by shard, each followed by the index that counts it. */
export class ShardWriter {
  readonly #folder: string;
  readonly #settings: DatasetSettings;
  #shards: DatasetIndex['shards'];
  #waiting: EncodedCrop[] = [];

  constructor(folder: string, settings: DatasetSettings, shards: DatasetIndex['shards']) {
    this.#folder = folder;
    this.#settings = settings;
    this.#shards = shards;
  }

  /** Samples that are in no shard yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(sample: EncodedCrop): void {
    this.#waiting.push(sample);
  }

  /**
   * Writes a shard of what waits, if anything does, and the index.
   * @throws FileError `file-unwritable`, `file-disk-full`; what waited then still does
   */
  async flush(report: PhotoReport): Promise<DatasetIndex> {
    const shards = this.#waiting.length === 0 ? this.#shards : [...this.#shards, await this.#writeShard()];
    const samples = shards.reduce((sum, shard) => sum + shard.samples, 0);
    const index = makeIndex({ settings: this.#settings, samples, shards, ...report });
    await writeIndex(this.#folder, index);
    this.#shards = shards;
    this.#waiting = [];
    return index;
  }

  async #writeShard(): Promise<DatasetIndex['shards'][number]> {
    const file = shardName(this.#shards.length);
    const origins = this.#waiting.map(({ origin }) => origin);
    const bytes = encodeSafetensors(this.#tensors(), originMetadata(origins));
    await writeFileAtomic(join(this.#folder, file), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { file, samples: origins.length, bytes: bytes.byteLength, sha256 };
  }

  #tensors(): Map<string, FileTensor> {
    const tensors = new Map<string, FileTensor>();
    for (const [name, { dtype, shape }] of shardTensors(this.#settings, this.#waiting.length)) {
      if (dtype === 'U8') {
        tensors.set(name, { dtype, shape, bytes: joined(this.#waiting.map(({ pixels }) => pixels)) });
        continue;
      }
      const scale = [1, ...this.#settings.scales].find((each) => latentName(each) === name) ?? 1;
      const latents = this.#waiting.map((crop) => crop.latents.get(scale) as Float32Array);
      const values = new Float32Array(latents.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const latent of latents) {
        values.set(latent, at);
        at += latent.length;
      }
      tensors.set(name, fromFloat32(values, shape, this.#settings.dtype));
    }
    return tensors;
  }
}

function joined(parts: readonly (Uint8Array | undefined)[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + (part?.length ?? 0), 0));
  let at = 0;
  for (const part of parts) {
    if (!part) continue;
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
