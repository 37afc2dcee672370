/** metrics.jsonl: what a crash or a resume takes out of it, and nothing else. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  cutMetrics,
  decodeLine,
  encodeLine,
  textLines,
} from '../../../packages/train/src/run/metrics-file.ts';
import { stepLine } from './lines.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => encodeLine({ ...stepLine(i + 1), time: i }));

it('after a crash at any byte, every line is whole and none is behind the step', async () => {
  const whole = Buffer.concat(lines(12));
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), fc.nat(12), async (length, step) => {
      fs.writeFileSync(path, whole.subarray(0, length));
      const ends = whole.subarray(0, length).toString().split('\n').length - 1;
      const { later, damaged } = await cutMetrics(path, step);
      const kept = fs.readFileSync(path, 'utf8').split('\n').slice(0, -1);
      expect(kept.map((text) => decodeLine(text)?.step)).toEqual(
        Array.from({ length: Math.min(ends, step) }, (_, i) => i + 1),
      );
      expect(later).toBe(Math.max(0, ends - step));
      expect(damaged).toBe(whole.subarray(0, length).toString().endsWith('\n') || length === 0 ? 0 : 1);
      expect(fs.readdirSync(folder)).toEqual(['metrics.jsonl']);
    }),
    { numRuns: 60 },
  );
});

it('has lines of any length, and bytes of several beyond ASCII', async () => {
  const stage = 'Ψ→'.repeat(2 ** 19);
  const written = [1, 2, 3].map((step) => ({ ...stepLine(step), stage, time: 0 }));
  fs.writeFileSync(path, Buffer.concat(written.map(encodeLine)));
  const read = [];
  for await (const { text, ended } of textLines(path)) read.push([decodeLine(text), ended]);
  expect(read).toEqual(written.map((line) => [line, true]));
});

it.each([
  '',
  '{',
  'null',
  '[]',
  '7',
  '{"type":"step"}',
  '{"type":1,"step":1}',
  '{"type":"step","step":1.5}',
  '\0\0',
])('takes %j for no line', (text) => {
  expect(decodeLine(text)).toBeUndefined();
});

it('has nothing to cut in a file that is not there', async () => {
  expect(await cutMetrics(path, 5)).toEqual({ later: 0, damaged: 0 });
  expect(fs.readdirSync(folder)).toEqual([]);
});
