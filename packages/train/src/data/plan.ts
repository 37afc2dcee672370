import { readdir } from 'node:fs/promises';
import { FileError } from '@lua-webgpu/kernels';
import { readImageSize } from '@lua-webgpu/lua-model';
import { ahead } from './ahead.ts';
import { findIndex, INDEX_FILE } from './index-file.ts';
import type { Photo } from './photos.ts';
import { requireSameSettings } from './settings.ts';
import { openShard, readOrigins } from './shard.ts';
import { selectTiles, tileKey, tilesOf } from './tiles.ts';
import type { DatasetIndex, DatasetSettings, SampleOrigin } from './types.ts';

/** What a folder holds already. */
export interface Existing {
  readonly index: DatasetIndex | undefined;
  /** Keys of the crops that the folder holds. */
  readonly done: ReadonlySet<string>;
}

/**
 * @throws FileError `dataset-settings` where a folder was prepared otherwise, `dataset-foreign` where it was not prepared
 * at all, `dataset-index`, `dataset-shard`
 */
export async function findExisting(out: string, settings: DatasetSettings): Promise<Existing> {
  const index = await findIndex(out);
  if (!index) {
    const foreign = (await readdir(out)).find((name) => name.endsWith('.safetensors'));
    if (foreign === undefined) return { index: undefined, done: new Set() };
    throw new FileError(
      'dataset-foreign',
      `${out} holds ${foreign} but no ${INDEX_FILE}: this was not prepared here`,
      'Choose an empty folder.',
    );
  }
  requireSameSettings(out, index.settings, settings);
  const done = new Set<string>();
  for (const entry of index.shards) {
    await using reader = await openShard(out, entry, settings);
    for (const origin of readOrigins(reader, entry.samples)) done.add(tileKey(origin));
  }
  return { index, done };
}

export interface Plan {
  readonly photos: readonly PlannedPhoto[];
  /** Crops to add. */
  readonly missing: number;
  readonly unreadable: readonly Unreadable[];
  readonly small: number;
}

export interface PlannedPhoto extends Photo {
  readonly tiles: readonly SampleOrigin[];
}

export type Unreadable = DatasetIndex['unreadable'][number];

/** Which crops of which photographs are to be added, from the sizes in their headers. */
export async function planWork(
  photos: readonly Photo[],
  settings: DatasetSettings,
  { done }: Existing,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Plan> {
  const planned: PlannedPhoto[] = [];
  const unreadable: Unreadable[] = [];
  let small = 0;
  const sizes = ahead(photos, 8, async (photo) => ({
    photo,
    size: await orReason(readImageSize(photo.path)),
  }));
  for await (const { photo, size } of sizes) {
    signal?.throwIfAborted();
    if (typeof size === 'string') {
      unreadable.push({ source: photo.source, reason: size });
      continue;
    }
    const tiles = tilesOf(photo.source, size, settings);
    if (tiles.length === 0) small++;
    planned.push({ ...photo, tiles: tiles.filter((tile) => !done.has(tileKey(tile))) });
  }
  const isTaken = selectTiles(
    planned.flatMap(({ tiles }) => tiles),
    Math.max(0, limit - done.size),
  );
  const taken = planned.map((photo) => ({ ...photo, tiles: photo.tiles.filter(isTaken) }));
  return {
    photos: taken.filter(({ tiles }) => tiles.length > 0),
    missing: taken.reduce((sum, { tiles }) => sum + tiles.length, 0),
    unreadable,
    small,
  };
}

/** The value, or why a file cannot be read; what is no fault of the file is thrown. */
export async function orReason<T extends object>(reading: Promise<T>): Promise<T | string> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof FileError && error.code !== 'image-library') return error.message;
    throw error;
  }
}
