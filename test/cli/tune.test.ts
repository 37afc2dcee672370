import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDevice } from '@lua-webgpu/kernels';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere, temporaryFolder } from './run.ts';

const folder = temporaryFolder();
const variables = ['LUA_WEBGPU_ADAPTER', 'LUA_WEBGPU_CACHE', 'LUA_WEBGPU_TUNED'] as const;
const before = variables.map((name) => process.env[name]);
beforeAll(() => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
  process.env.LUA_WEBGPU_CACHE = join(folder, 'cache');
});
afterAll(() => {
  for (const [i, name] of variables.entries()) {
    if (before[i] === undefined) delete process.env[name];
    else process.env[name] = before[i];
  }
});

const options = ['--preset', 'tiny', '--channels', '4', '--size', '8x8', '--repeats', '1', '--json'];

describe('tune', () => {
  it('keeps what it finds for the adapter, and devices use it', async () => {
    const { code, stdout, stderr } = await runHere(['tune', ...options]);
    expect(code, stderr).toBe(0);
    const { adapter, path, picks, shapes, wrong } = JSON.parse(stdout);
    expect(adapter.name).toMatch(/swiftshader/i);
    expect(wrong).toEqual([]);
    const families = new Set(shapes.map(({ key }: { key: string }) => key.split(' ')[0]));
    expect([...families]).toEqual(expect.arrayContaining(['matmul', 'conv2d', 'window-attention']));
    for (const { key, ms, picked } of shapes) {
      const [standard] = Object.keys(ms);
      expect(ms[picked]).toBeLessThanOrEqual(ms[standard as string]);
      expect(picks[key]).toBe(picked === standard ? undefined : picked);
    }
    expect(JSON.parse(readFileSync(path, 'utf8')).picks).toEqual(picks);

    delete process.env.LUA_WEBGPU_TUNED;
    using tuned = await openDevice();
    expect(tuned.tuned.picks).toEqual(picks);
    process.env.LUA_WEBGPU_TUNED = '0';
    using plain = await openDevice();
    expect(plain.tuned.picks).toEqual({});
  });

  // The variants of attention's backward pass take SwiftShader minutes to compile.
  it.runIf(process.env.LUA_WEBGPU_TEST === 'full')(
    'takes the backward pass along',
    { timeout: 600_000 },
    async () => {
      const { code, stdout, stderr } = await runHere(['tune', ...options, '--backward']);
      expect(code, stderr).toBe(0);
      const { shapes, wrong } = JSON.parse(stdout);
      expect(wrong).toEqual([]);
      const keys = shapes.map(({ key }: { key: string }) => key);
      expect(keys.some((key: string) => /gradient|backward/i.test(key))).toBe(true);
    },
  );
});
