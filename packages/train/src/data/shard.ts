import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { type FileDtype, SafetensorsReader, sha256OfFile } from '@lua-webgpu/tensor';
import * as z from 'zod';
import type { DatasetSettings, SampleOrigin, ShardEntry } from './types.ts';

/** Type and shape of a shard's tensors, by name. */
type ShardTensors = ReadonlyMap<string, { readonly dtype: FileDtype; readonly shape: readonly number[] }>;

/** The tensors of a shard of n samples: HR and LR latents, and the crops themselves where they are kept. */
export function shardTensors(settings: DatasetSettings, samples: number): ShardTensors {
  const { vae, crop, scales, dtype, pixels } = settings;
  const tensors = new Map<string, { dtype: FileDtype; shape: number[] }>();
  for (const scale of [1, ...scales]) {
    const side = crop / vae.stride / scale;
    tensors.set(latentName(scale), { dtype, shape: [samples, vae.channels, side, side] });
  }
  if (pixels) tensors.set('pixels', { dtype: 'U8', shape: [samples, crop, crop, 3] });
  return tensors;
}

/** `hr`, or `lr_x2` for a scale above 1. */
export function latentName(scale: number): string {
  return scale === 1 ? 'hr' : `lr_x${scale}`;
}

export function shardName(number: number): string {
  return `shard-${String(number).padStart(5, '0')}.safetensors`;
}

/** Metadata of a shard: sources once each, then per sample [source, photo scale, x, y]. */
export function originMetadata(origins: readonly SampleOrigin[]): Map<string, string> {
  const sources = [...new Set(origins.map(({ source }) => source))];
  const numbers = new Map(sources.map((source, i) => [source, i]));
  const crops = origins.map(({ source, photo_scale, x, y }) => [numbers.get(source), photo_scale, x, y]);
  return new Map([
    ['format', 'lua-webgpu shard'],
    ['sources', JSON.stringify(sources)],
    ['crops', JSON.stringify(crops)],
  ]);
}

const place = z.tuple([z.int().min(0), z.number().positive(), z.int().min(0), z.int().min(0)]);

/** @throws FileError `dataset-shard` */
export function readOrigins({ path, metadata }: SafetensorsReader, samples: number): SampleOrigin[] {
  try {
    const sources = z.array(z.string()).parse(JSON.parse(metadata.get('sources') ?? ''));
    const crops = z
      .array(place)
      .length(samples)
      .parse(JSON.parse(metadata.get('crops') ?? ''));
    return crops.map(([number, photo_scale, x, y]) => {
      return { source: z.string().parse(sources[number]), photo_scale, x, y };
    });
  } catch {
    throw refused(path, 'its metadata do not say where its samples come from');
  }
}

/**
 * Opens a shard and checks that it is what index and settings say.
 * @throws FileError `dataset-shard`, `file-not-found`, `file-unreadable`, `safetensors-…`
 */
export async function openShard(
  folder: string,
  entry: ShardEntry,
  settings: DatasetSettings,
): Promise<SafetensorsReader> {
  const path = join(folder, entry.file);
  await checkSize(path, entry);
  const reader = await SafetensorsReader.open(path);
  const wanted = shardTensors(settings, entry.samples);
  const describe = (tensors: ShardTensors) =>
    [...tensors]
      .map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape.join(', ')}]`)
      .sort()
      .join(', ');
  if (describe(reader.tensors) === describe(wanted)) return reader;
  await reader.close();
  throw refused(path, `it holds ${describe(reader.tensors)}, not ${describe(wanted)}`);
}

async function checkSize(path: string, { bytes }: ShardEntry): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw refused(path, cause.code === 'ENOENT' ? 'it is not there' : cause.message);
  });
  if (found.size !== bytes) throw refused(path, `it has ${found.size} bytes, the index says ${bytes}`);
}

/** Compares the content of a shard with its hash. @throws FileError `dataset-shard` */
export async function verifyShard(folder: string, { file, sha256 }: ShardEntry): Promise<void> {
  const path = join(folder, file);
  if ((await sha256OfFile(path)) !== sha256) throw refused(path, 'its SHA-256 is not the one in the index');
}

function refused(path: string, what: string): FileError {
  return new FileError(
    'dataset-shard',
    `${path} is not the shard that was prepared: ${what}`,
    'Copy the folder again, or prepare the data anew into another one.',
  );
}
