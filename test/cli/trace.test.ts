/** The traces that `upscale --trace` and `train --profile --trace` write: train.test.ts has the latter. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { preset } from '@lua-webgpu/lua-model';
import { beforeAll, expect, it } from 'vitest';
import { chromeTrace } from '../../packages/cli/src/trace.ts';
import { runHere, temporaryFolder, writeLatent } from './run.ts';

const folder = temporaryFolder();
beforeAll(() => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
});

it('begins at 0, in microseconds, and puts the first pass at the beginning of its phase', () => {
  const phases = [
    { name: 'load', begin: 1000, end: 1002 },
    { name: 'upscale', begin: 1003, end: 1010 },
  ];
  const pass = (kernel: string, begin: number, end: number) => ({
    kernel,
    label: '',
    begin,
    end,
    flops: 2e6,
  });
  const work = [{ begin: 1003, passes: [pass('a', 70, 72), pass('b', 72.5, 73)] }];
  const { traceEvents } = chromeTrace(phases, work) as { traceEvents: Record<string, unknown>[] };
  const events = traceEvents.filter(({ ph }) => ph === 'X');
  expect(events.map(({ name, tid, ts, dur }) => [name, tid, ts, dur])).toEqual([
    ['load', 1, 0, 2000],
    ['upscale', 1, 3000, 7000],
    ['a', 2, 3000, 2000],
    ['b', 2, 5500, 500],
  ]);
  expect(events[2]?.args).toEqual({ gflops: 1 });
});

it('is refused before any work where it cannot be written', async () => {
  const input = await writeLatent(join(folder, 'small.safetensors'), [1, 16, 8, 8]);
  const out = join(folder, 'never.safetensors');
  const args = ['upscale', input, '--scale', '2', '--preset', 'tiny', '--out', out];
  const { code, stderr } = await runHere([...args, '--trace', join(folder, 'absent', 'trace.json')]);
  expect(code).toBe(3);
  expect(stderr).toContain('trace.json cannot be written');
  expect(existsSync(out)).toBe(false);
});

it('of upscale holds its phases and a pass for every dispatch', async () => {
  const input = await writeLatent(join(folder, 'in.safetensors'), [1, 16, 8, 8]);
  const [out, trace] = [join(folder, 'out.safetensors'), join(folder, 'trace.json')];
  const args = ['upscale', input, '--scale', '2', '--preset', 'tiny', '--out', out];
  const { code, stderr } = await runHere([...args, '--trace', trace]);
  expect(code, stderr).toBe(0);
  const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8'));
  const names = (tid: number) =>
    traceEvents.flatMap((event: Record<string, unknown>) =>
      event.ph === 'X' && event.tid === tid ? [event.name] : [],
    );
  expect(names(1)).toEqual(expect.arrayContaining(['load', 'upscale', 'read']));
  const dispatches = (family: string) =>
    names(2).filter((name: string) => name.startsWith(`${family}/`)).length;
  const blocks = preset('tiny').depths.reduce((sum, depth) => sum + depth, 0);
  expect(dispatches('window-attention')).toBe(blocks);
  expect(dispatches('matmul')).toBe(4 * blocks);
  expect(dispatches('pixel-shuffle')).toBe(1);
});
