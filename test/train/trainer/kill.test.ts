/** kill −9 at random moments of training, each time resumed: what comes out has the bits of a run in one piece. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { findCheckpoints, readCheckpoint, train } from '@lua-webgpu/train';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle } from '../../support/bundle.ts';
import { seededValues } from '../../support/compare.ts';
import { prepareSmall, temporaryFolder, writePictures } from '../data/fixtures.ts';
import { contentOf, stepsOf } from './content.ts';
import { openToyDevice, toyConfig, toyData } from './toy.ts';

const KILLS = process.env.LUA_WEBGPU_TEST === 'full' ? 20 : 4;
/** More steps than the kills can get through. */
const steps = [`stages.0.steps=${7 * KILLS}`, 'stages.1.steps=4'];
const set = [...steps, 'checkpoint.every=1', 'checkpoint.keep_last=2'];
const folder = temporaryFolder();
const killed = join(folder, 'killed');
const checkpoints = join(killed, 'checkpoints');
let script = '';
beforeAll(async () => {
  await writePictures(join(folder, 'photos'), { 'a.png': [192, 128], 'b.png': [128, 64] });
  await prepareSmall({ photos: [join(folder, 'photos')], out: toyData(folder) });
  script = await bundle(new URL('./trainee.ts', import.meta.url));
});
afterAll(() => rmSync(script));

/**
 * Trains on in a process of its own, which is killed after its first steps.
 * @param moment 0 to 1: up to three steps later
 * @param inWrite whether it is killed as soon as a checkpoint is half there, then
 * @returns the last step that it said it had made
 */
async function trainUntilKilled(moment: number, inWrite: boolean): Promise<number> {
  const child = spawn(process.execPath, [script, toyData(folder), killed, ...set], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  let [output, complaints] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints += chunk;
  });
  const times: number[] = [];
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      times.push(performance.now());
      if (times.length === 3) resolve();
    });
    child.once('exit', () => resolve());
  });
  // Between the second word of a step and the third lies one step with its checkpoint, and nothing is compiled.
  const [, second = 0, third = 0] = times;
  await setTimeout(3 * moment * (third - second));
  while (inWrite && !halfWritten() && child.exitCode === null) await setTimeout(1);
  child.kill('SIGKILL');
  expect((await closed)[1], complaints).toBe('SIGKILL');
  return Number(output.trimEnd().split(' ').at(-1));
}

const halfWritten = () => readdirSync(checkpoints).some((name) => name.endsWith('.tmp'));

it(
  `has the bits of an undisturbed run after ${KILLS} kills, with at most one step lost by each`,
  async () => {
    let inWrites = 0;
    for (const [i, moment] of seededValues(5, KILLS).entries()) {
      const step = await trainUntilKilled((moment + 1) / 2, i % 2 === 1);
      inWrites += halfWritten() ? 1 : 0;
      const { newest, broken } = await findCheckpoints(checkpoints);
      expect(broken).toEqual([]);
      const { state } = await readCheckpoint(newest?.path ?? '');
      expect(state.step).toBeGreaterThanOrEqual(step - 1);
    }
    expect(inWrites, 'kills inside a checkpoint write').toBeGreaterThanOrEqual(KILLS / 4);

    const config = toyConfig(toyData(folder), steps);
    const resumed = await train(config, { out: killed, resume: true, open: openToyDevice });
    const whole = await train(config, { out: join(folder, 'whole'), open: openToyDevice });
    expect(contentOf(resumed.checkpoint)).toEqual(contentOf(whole.checkpoint));
    expect(stepsOf(killed)).toEqual(stepsOf(join(folder, 'whole')));
  },
  KILLS * 60_000,
);
