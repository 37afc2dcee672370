import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { pathText } from '@lua-webgpu/lua-model';
import { writeFileAtomic } from '@lua-webgpu/tensor';
import * as z from 'zod';
import type { DatasetIndex, DatasetSettings } from './types.ts';

export const INDEX_FILE = 'index.json';
const VERSION = 1;

const count = z.int().min(0);
const hex = z.string().regex(/^[0-9a-f]{64}$/);

const settings = z.strictObject({
  vae: z.strictObject({
    profile: z.string().min(1),
    channels: z.int().min(1),
    stride: z.int().min(1),
    files: z.record(z.string(), hex),
  }),
  crop: z.int().min(1),
  stride: z.int().min(1),
  min_side: count,
  scales: z.array(z.int().min(2)).min(1),
  photo_scales: z.array(z.number().positive()).min(1),
  dtype: z.enum(['F32', 'F16']),
  pixels: z.boolean(),
}) satisfies z.ZodType<DatasetSettings>;

const content = z.strictObject({
  version: z.literal(VERSION),
  settings,
  samples: count,
  // A plain name: an index must not lead out of its folder.
  shards: z.array(
    z.strictObject({
      file: z.string().regex(/^[A-Za-z0-9_-]+\.safetensors$/),
      samples: z.int().min(1),
      bytes: count,
      sha256: hex,
    }),
  ),
  unreadable: z.array(z.strictObject({ source: z.string(), reason: z.string() })),
  small: count,
});

const index = content.extend({ sha256: hex });

/** The index of what was prepared so far, with its hash. */
export function makeIndex(values: Omit<DatasetIndex, 'version' | 'sha256'>): DatasetIndex {
  // Parsed for the order of keys, which the hash depends on.
  const parsed = content.parse({ version: VERSION, ...values });
  return { ...parsed, sha256: hashOf(parsed) };
}

function hashOf(values: z.infer<typeof content>): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex');
}

/** @throws FileError `file-unwritable`, `file-disk-full` */
export async function writeIndex(folder: string, values: DatasetIndex): Promise<void> {
  await writeFileAtomic(
    join(folder, INDEX_FILE),
    new TextEncoder().encode(`${JSON.stringify(values, undefined, 1)}\n`),
  );
}

/**
 * Reads and checks the index of a prepared folder; not the shards.
 * @throws FileError `dataset-none`, `file-unreadable`, `dataset-version`, `dataset-index`
 */
export async function readIndex(folder: string): Promise<DatasetIndex> {
  const found = await findIndex(folder);
  if (found) return found;
  throw new FileError(
    'dataset-none',
    `${folder} holds no prepared data: there is no ${INDEX_FILE}`,
    'Name a folder that lua-webgpu prepare wrote.',
  );
}

/** As {@link readIndex}; undefined where there is none. */
export async function findIndex(folder: string): Promise<DatasetIndex | undefined> {
  const path = join(folder, INDEX_FILE);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
    throw new FileError('file-unreadable', `${path}: ${cause.message}`, 'Check that you may read it.', {
      cause,
    });
  });
  return text === undefined ? undefined : checkIndex(text, path);
}

function checkIndex(text: string, path: string): DatasetIndex {
  const json = parseJson(text, path);
  const { version } = (json ?? {}) as { version?: unknown };
  if (typeof version === 'number' && version > VERSION) {
    throw new FileError(
      'dataset-version',
      `${path} has version ${version}, this program knows ${VERSION}`,
      'Update lua-webgpu.',
    );
  }
  const parsed = index.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw broken(path, `${pathText(issue?.path ?? []) || 'it'}: ${issue?.message}`);
  }
  const { sha256, ...values } = parsed.data;
  if (sha256 !== hashOf(values)) throw broken(path, 'its SHA-256 is not that of its content');
  const samples = values.shards.reduce((sum, shard) => sum + shard.samples, 0);
  if (samples !== values.samples) {
    throw broken(path, `it counts ${values.samples} samples, its shards hold ${samples}`);
  }
  return parsed.data;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw broken(path, `not JSON, ${(cause as Error).message}`);
  }
}

function broken(path: string, what: string): FileError {
  return new FileError(
    'dataset-index',
    `${path} is damaged or was edited: ${what}`,
    'Copy the folder again, or prepare the data anew into another one.',
  );
}
