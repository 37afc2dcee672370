import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./leaks.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface Report {
  readonly lines: readonly string[];
  readonly inUse: number;
}

let reports: Readonly<Record<string, Report>>;
beforeAll(async () => {
  const flags = ['--import', 'tsx', '--conditions=@lua-webgpu/source', '--expose-gc'];
  const env = { ...process.env, LUA_WEBGPU_CHECK: '' };
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, PROGRAM], { cwd: ROOT, env });
  reports = JSON.parse(stdout) as typeof reports;
});

const after =
  'garbage-collected without dispose(): the device keeps the memory. End the scope or dispose the tape, store or tensor that held it.';
const line = (what: string) => `lua-webgpu: ${what}, ${after}`;

describe('a report of leaks', () => {
  it.each([
    ['a scope', ['tensor [2, 2] f32, 16 bytes', '3 times add [2, 2] f32, 48 bytes']],
    ['a kept tensor', ['square [2] f32, 8 bytes']],
    ['a tape', ['tensor [3] f32, 12 bytes']],
    ['gradients', ['unaryGradient [3] f32, 12 bytes']],
    ['a module', ['parameter [4, 8] f32, 128 bytes', 'parameter [8] f32, 32 bytes']],
  ])('of %s that was dropped says what it held, and frees nothing', (way, held) => {
    expect([...(reports[way]?.lines ?? [])].sort()).toEqual(held.map(line).sort());
    expect(reports[way]?.inUse).toBeGreaterThan(0);
  });

  it.each([
    'nothing',
    "the caller's own buffer",
    'what is held',
    'a scope on a device that is destroyed',
    'nobody listens',
  ])('is silent: %s', (way) => {
    expect(reports[way]?.lines).toEqual([]);
  });

  it('goes to the console with LUA_WEBGPU_CHECK=1', () => {
    expect(reports['the console listens']?.lines).toEqual([`warned ${line('square [2] f32, 8 bytes')}`]);
  });
});
