import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { syncFolder, unwritable } from '@lua-webgpu/tensor';
import { temporaryName } from '../disk/index.ts';
import type { MetricLine } from './lines.ts';

/** A line of metrics.jsonl as it was read: of a known shape as far as it was written by this version. */
export type ReadLine = MetricLine & { readonly time: number };

/** Bytes on the way to the new file before they are written. */
const BLOCK_BYTES = 2 ** 20;

/** One line with its break. What is not finite is text, `"NaN"`: JSON has no other word for it. */
export function encodeLine(line: MetricLine & { readonly time: number }): Uint8Array {
  const { type, step, stage, time, ...rest } = line;
  const text = JSON.stringify({ type, step, stage, time, ...rest }, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  return new TextEncoder().encode(`${text}\n`);
}

/** What a line holds; undefined for one that is damaged. */
export function decodeLine(text: string): ReadLine | undefined {
  try {
    const value = JSON.parse(text) as Partial<ReadLine> | null;
    const whole = typeof value?.type === 'string' && Number.isSafeInteger(value.step);
    return whole ? (value as ReadLine) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The lines of a file without their breaks, one after the other; a last one that no break ends too.
 * @throws FileError `file-not-found`, `file-unreadable`
 */
export async function* textLines(path: string): AsyncGenerator<{ text: string; ended: boolean }> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: BLOCK_BYTES })) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) yield { text, ended: true };
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new FileError(
      missing ? 'file-not-found' : 'file-unreadable',
      `${path} ${missing ? 'does not exist' : `cannot be read (${code})`}`,
      'Check the path and your permissions.',
      { cause },
    );
  }
  if (rest !== '') yield { text: rest, ended: false };
}

export interface Cut {
  /** Lines of later steps. */
  readonly later: number;
  /** Lines that a crash left incomplete, or that are damaged. */
  readonly damaged: number;
}

/**
 * Takes the lines of steps after `step` out of a metrics file, and what is no whole line: in one rename, or, where there
 * is nothing to take out, not at all. A file that does not exist has nothing.
 *
 * @throws FileError `file-unreadable`, `file-unwritable`, `file-disk-full`; the file is then as it was
 */
export async function cutMetrics(path: string, step: number): Promise<Cut> {
  const keeps = ({ text, ended }: { text: string; ended: boolean }) => {
    const line = ended ? decodeLine(text) : undefined;
    return line === undefined ? 'damaged' : line.step > step ? 'later' : 'kept';
  };
  const counts = { kept: 0, later: 0, damaged: 0 };
  try {
    for await (const line of textLines(path)) counts[keeps(line)] += 1;
  } catch (error) {
    if (error instanceof FileError && error.code === 'file-not-found') return { later: 0, damaged: 0 };
    throw error;
  }
  if (counts.later + counts.damaged > 0) await rewrite(path, (line) => keeps(line) === 'kept');
  return counts;
}

async function rewrite(
  path: string,
  keeps: (line: { text: string; ended: boolean }) => boolean,
): Promise<void> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    {
      await using file = await open(temporary, 'wx');
      let block = '';
      for await (const line of textLines(path)) {
        if (keeps(line)) block += `${line.text}\n`;
        if (block.length < BLOCK_BYTES) continue;
        await file.writeFile(block);
        block = '';
      }
      await file.writeFile(block);
      await file.sync();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error instanceof FileError ? error : unwritable(path, error);
  }
}
