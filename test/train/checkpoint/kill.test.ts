/** kill −9 at random moments while checkpoints are written: the newest that was finished is found, whole. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { findCheckpoints, readCheckpoint, type Tensors } from '@lua-webgpu/train';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cleanLeftovers } from '../../../packages/train/src/disk/index.ts';
import { bundle } from '../../support/bundle.ts';
import { seededValues } from '../../support/compare.ts';
import { contentAt } from './content.ts';

const KILLS = 20;
/** As in writer.ts. */
const SIZE = 2 ** 14;
const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-kill-'));
let script = '';
beforeAll(async () => {
  script = await bundle(new URL('./writer.ts', import.meta.url));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(script);
});

/**
 * Lets the writer run from a step on and kills it in one of its first writes, or shortly behind it.
 * @param moment from 0 to 1
 * @returns the last step that it began, and the last that it finished
 */
async function killedAt(moment: number, first: number): Promise<{ begun: number; ended: number }> {
  const child = spawn(process.execPath, [script, folder, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const times: number[] = [];
  let output = '';
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      times.push(performance.now());
      // Announcements alternate: begin, end, begin. What lies between the first two is how long a write takes here.
      if (times.length === 3) resolve();
    });
    child.once('exit', () => resolve());
  });
  const [began = 0, ended = 0] = times;
  await setTimeout(moment * 1.5 * (ended - began));
  child.kill('SIGKILL');
  expect((await closed)[1]).toBe('SIGKILL');
  const lastOf = (word: string) =>
    Number(
      output
        .match(new RegExp(`${word} \\d+\n`, 'g'))
        ?.at(-1)
        ?.slice(word.length),
    );
  return { begun: lastOf('begin'), ended: lastOf('end') };
}

function digest(tensors: Tensors): string {
  const hash = createHash('sha256');
  for (const { bytes } of tensors.values()) hash.update(bytes);
  return hash.digest('hex');
}

it(`finds the newest finished checkpoint after each of ${KILLS} kills`, async () => {
  const moments = [...seededValues(7, KILLS)];
  let newest = 0;
  let interrupted = 0;
  for (const moment of moments) {
    const { begun, ended } = await killedAt((moment + 1) / 2, newest + 1);
    interrupted += readdirSync(folder).some((name) => name.endsWith('.tmp')) ? 1 : 0;
    const { newest: found, broken } = await findCheckpoints(folder);
    expect(broken).toEqual([]);
    const step = found?.state.step ?? 0;
    // The rename may have happened before the word of it got out.
    expect(step).toBeGreaterThanOrEqual(ended);
    expect(step).toBeLessThanOrEqual(begun);
    const { weights } = await readCheckpoint(found?.path ?? '');
    expect(digest(weights)).toBe(digest(contentAt(step, { size: SIZE }).weights));
    await cleanLeftovers(folder);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
    newest = step;
  }
  expect(newest).toBeGreaterThanOrEqual(KILLS);
  expect(interrupted, 'kills that fell into a write or a deletion').toBeGreaterThan(KILLS / 4);
}, 300_000);
