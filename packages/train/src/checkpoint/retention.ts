import { basename } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { unwritable } from '@lua-webgpu/tensor';
import { removeFolder } from '../disk/index.ts';
import { readBest } from './best.ts';
import { candidates, describeCheckpoint, newerFirst, verifyCheckpoint } from './read.ts';
import type { BrokenCheckpoint, CheckpointInfo, RetentionPolicy } from './types.ts';

export interface RetentionReport {
  /** Paths. */
  readonly deleted: readonly string[];
  readonly broken: readonly BrokenCheckpoint[];
}

/**
 * Deletes the checkpoints that a policy does not keep. The newest valid one (its bytes are compared with their hashes
 * first) and the one that best.json names stay in any case; what is broken is reported and stays too.
 *
 * @throws FileError `checkpoint-best` when best.json is damaged: nothing is deleted then; `file-unwritable`
 */
export async function applyRetention(folder: string, policy: RetentionPolicy): Promise<RetentionReport> {
  const best = await readBest(folder);
  const { intact, broken } = await survey(folder);
  const kept = new Set<CheckpointInfo>(intact.slice(0, Math.max(1, policy.keepLast)));
  for (const checkpoint of intact) {
    const { step } = checkpoint.state;
    if (policy.keepEvery !== undefined && step % policy.keepEvery === 0) kept.add(checkpoint);
    if (basename(checkpoint.path) === best?.checkpoint) kept.add(checkpoint);
  }
  const deleted: string[] = [];
  for (const checkpoint of intact) {
    if (kept.has(checkpoint)) continue;
    try {
      await removeFolder(checkpoint.path);
    } catch (cause) {
      throw unwritable(checkpoint.path, cause);
    }
    deleted.push(checkpoint.path);
  }
  return { deleted, broken };
}

/** Newest first. Hashing all of them at every save would take longer than writing one: the first alone is verified. */
async function survey(folder: string): Promise<{ intact: CheckpointInfo[]; broken: BrokenCheckpoint[] }> {
  const intact: CheckpointInfo[] = [];
  const broken: BrokenCheckpoint[] = [];
  const attempt = async (path: string, look: typeof describeCheckpoint) => {
    try {
      return await look(path);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      broken.push({ path, error });
      return undefined;
    }
  };
  for (const path of await candidates(folder)) {
    const found = await attempt(path, describeCheckpoint);
    if (found) intact.push(found);
  }
  intact.sort(newerFirst);
  while (intact[0] && !(await attempt(intact[0].path, verifyCheckpoint))) intact.shift();
  return { intact, broken };
}
