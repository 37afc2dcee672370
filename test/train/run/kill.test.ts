/** kill −9 at random moments of a run, each time gone on with: no step is lost that was saved, none is there twice. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { RunFolder } from '@lua-webgpu/train';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle } from '../../support/bundle.ts';
import { seededValues } from '../../support/compare.ts';

const KILLS = 8;
const folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-run-kill-'));
const path = join(folder, 'run');
let script = '';
beforeAll(async () => {
  script = await bundle(new URL('./runner.ts', import.meta.url));
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true });
  fs.rmSync(script);
});

/** @returns the last step that it said it had saved, and what it said about the run before */
async function runUntilKilled(moment: number): Promise<{ saved: number; notices: string }> {
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let [output, notices] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    notices += chunk;
  });
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      resolve();
    });
    child.once('exit', () => resolve());
  });
  await setTimeout(moment * 100);
  child.kill('SIGKILL');
  expect((await closed)[1], notices).toBe('SIGKILL');
  return { saved: Number(output.trimEnd().split('\n').at(-1)), notices };
}

it(`goes on after each of ${KILLS} kills`, async () => {
  let saved = 0;
  for (const [i, moment] of seededValues(11, KILLS).entries()) {
    const before = saved;
    const ran = await runUntilKilled((moment + 1) / 2);
    saved = ran.saved;
    expect(saved).toBeGreaterThan(before);
    if (i > 0) expect(ran.notices).toMatch(/process \d+, which was at work here, has died/);
    const locks = fs.readdirSync(path).filter((name) => name.endsWith('.lock'));
    expect(locks).toEqual([`trainer.${i + 1}.lock`]);
  }
  const run = await RunFolder.open(path, { resume: true });
  const step = run.found.newest?.state.step ?? 0;
  expect(step).toBeGreaterThanOrEqual(saved);
  expect(run.found.broken).toEqual([]);
  await run.start({ config: 'name: killed\n', step });
  await run.close();
  const lines = fs.readFileSync(join(path, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'step');
  expect(steps.map((line) => line.step)).toEqual(Array.from({ length: step }, (_, n) => n + 1));
  const names = fs.readdirSync(path, { recursive: true, encoding: 'utf8' });
  expect(names.filter((name) => /\.tmp$|\.lock$/.test(name))).toEqual([]);
  expect(names.filter((name) => name.startsWith('events.'))).toHaveLength(KILLS + 1);
}, 300_000);
