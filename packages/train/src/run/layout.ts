import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { readFileBytes, unwritable } from '@lua-webgpu/tensor';

/** Where things lie in the folder of a run. */
export const runFiles = {
  config: 'config.yaml',
  metrics: 'metrics.jsonl',
  checkpoints: 'checkpoints',
  samples: 'samples',
  report: 'report.html',
} as const;

/** Locks are `trainer.1.lock` and so on. */
export const LOCK = 'trainer';

/**
 * Makes sure that a run can begin in a folder, or go on in it; a folder that does not exist is made for a run that
 * begins.
 *
 * @returns whether it was made
 * @throws FileError `run-exists`, `run-missing`, `run-folder-not-empty`, `file-unreadable`, `file-unwritable`,
 * `file-disk-full`
 */
export async function requireKind(path: string, resume: boolean): Promise<boolean> {
  const kind = await kindOf(path);
  if (kind === 'other') {
    throw new FileError(
      'run-folder-not-empty',
      `${path} holds files that are not of a training run`,
      'Choose an empty folder, or one that does not exist.',
    );
  }
  if (kind === 'run' && !resume) {
    throw new FileError(
      'run-exists',
      `${path} holds a training run already`,
      'Go on with it (--resume), or choose another folder.',
    );
  }
  if (kind !== 'run' && resume) {
    throw new FileError(
      'run-missing',
      `there is no training run in ${path}`,
      'Check the path, or start without --resume.',
    );
  }
  if (kind === 'missing') await makeFolder(path);
  return kind === 'missing';
}

async function makeFolder(path: string): Promise<void> {
  try {
    // The last one by itself: a recursive mkdir calls a read-only disk a folder that does not exist.
    await mkdir(dirname(path), { recursive: true });
    await mkdir(path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function kindOf(path: string): Promise<'missing' | 'empty' | 'run' | 'other'> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'missing';
    throw new FileError(
      'file-unreadable',
      `${path} cannot be read (${code})`,
      'Name a folder that you may read.',
      { cause },
    );
  }
  const { config, metrics, checkpoints } = runFiles;
  if (names.some((name) => name === config || name === metrics || name === checkpoints)) return 'run';
  // A start that died early leaves its lock, a temporary file or an empty folder; hidden files are no business of ours.
  const rest = names.filter((name) => !name.startsWith('.') && !/^trainer\.\d+\.lock$/.test(name));
  return rest.every((name) => name === runFiles.samples) ? 'empty' : 'other';
}

/** The text of config.yaml, where there is one. @throws FileError `file-unreadable` */
export async function readPrevious(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readFileBytes(join(path, runFiles.config)));
  } catch (error) {
    if (error instanceof FileError && error.code === 'file-not-found') return undefined;
    throw error;
  }
}
