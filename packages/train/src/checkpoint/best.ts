import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { readFileBytes, writeFileAtomic } from '@lua-webgpu/tensor';
import { describeCheckpoint } from './read.ts';
import { encodeJson, parseBest } from './schema.ts';
import type { BestCheckpoint } from './types.ts';

const FILE = 'best.json';

/**
 * Which checkpoint of a folder is the best, undefined where none was recorded.
 * @throws FileError `checkpoint-best` when best.json is damaged, `file-unreadable`
 */
export async function readBest(folder: string): Promise<BestCheckpoint | undefined> {
  const path = join(folder, FILE);
  try {
    return parseBest(await readFileBytes(path), path);
  } catch (error) {
    if (error instanceof FileError && error.code === 'file-not-found') return undefined;
    throw error;
  }
}

/**
 * Records a checkpoint as the best if its metric says so; of equal ones the later is. A record of another metric, or of a
 * checkpoint that is no longer whole, is replaced.
 *
 * @param mode whether a higher or a lower value is better
 * @returns whether it is the best now; a value that is not finite never is
 * @throws FileError as {@link readBest}, `file-disk-full`, `file-unwritable`
 */
export async function recordBest(
  folder: string,
  candidate: BestCheckpoint,
  mode: 'max' | 'min',
): Promise<boolean> {
  if (!Number.isFinite(candidate.value)) return false;
  const best = await readBest(folder);
  if (best?.metric === candidate.metric && (await isWhole(join(folder, best.checkpoint)))) {
    const better = mode === 'max' ? candidate.value >= best.value : candidate.value <= best.value;
    if (!better) return false;
  }
  await writeFileAtomic(join(folder, FILE), encodeJson(candidate));
  return true;
}

async function isWhole(checkpoint: string): Promise<boolean> {
  try {
    await describeCheckpoint(checkpoint);
    return true;
  } catch (error) {
    if (error instanceof FileError) return false;
    throw error;
  }
}
