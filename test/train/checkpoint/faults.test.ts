/** A checkpoint whose write fails, whichever step it is that fails: the old one stays, of the new one nothing does. */
import * as fs from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { applyRetention, findCheckpoints, writeCheckpoint } from '@lua-webgpu/train';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { contentAt } from './content.ts';

/** What was done to the disk, and which of these steps fails (the nth from 0), how. */
const fault: { step?: number; code?: string; log: string[] } = { log: [] };

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FsPromises>();
  const step = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    fault.log.push(name);
    if (fault.log.length - 1 !== fault.step) return run();
    throw Object.assign(new Error('injected'), { code: fault.code });
  };
  const shown = (path: string) => path.replace(/^.*\/(?=[^/]*$)/, '').replace(/^\..*tmp$/, 'temporary');
  return {
    ...real,
    mkdir: (path: string, options: object) => step(`mkdir ${shown(path)}`, () => real.mkdir(path, options)),
    rename: (from: string, to: string) =>
      step(`rename ${shown(from)} ${shown(to)}`, () => real.rename(from, to)),
    open: async (path: string, flags: string) => {
      const handle = await step(`open ${shown(path)}`, () => real.open(path, flags));
      return new Proxy(handle, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target);
          if (typeof value !== 'function') return value;
          const bound = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
          if (key !== 'writeFile' && key !== 'sync') return bound;
          return (...args: unknown[]) => step(`${key} ${shown(path)}`, () => bound(...args));
        },
      });
    },
  };
});

let folder = '';
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-fault-'));
});
afterEach(() => {
  delete fault.step;
  fs.rmSync(folder, { recursive: true });
});

/** The steps of one write into a folder that has a checkpoint already. */
async function write(step: number): Promise<string[]> {
  fault.log = [];
  await writeCheckpoint(folder, contentAt(step));
  return fault.log;
}

it('every file is synced before the manifest is begun, the manifest before the rename, the folder after it', async () => {
  const log = (await write(1)).filter((each, i, all) => each !== all[i - 1]);
  const file = (name: string) => [`open ${name}`, `writeFile ${name}`, `sync ${name}`];
  expect(log).toEqual([
    'mkdir temporary',
    ...file('weights.safetensors'),
    ...file('ema.safetensors'),
    ...file('optimizer.safetensors'),
    ...file('state.json'),
    ...file('manifest.json'),
    'open temporary',
    'sync temporary',
    'rename temporary step-00000001',
    `open ${folder.split('/').at(-1)}`,
    `sync ${folder.split('/').at(-1)}`,
  ]);
});

describe.each([
  ['ENOSPC', 'file-disk-full', 'Free some space'],
  ['EDQUOT', 'file-disk-full', 'quota'],
  ['EIO', 'file-unwritable', 'Check the disk'],
  ['EROFS', 'file-unwritable', 'read-only'],
])('%s', (code, expected, fix) => {
  it('at any step', async () => {
    const log = await write(1);
    const renamed = log.findIndex((each) => each.startsWith('rename'));
    for (let step = 0; step <= renamed; step++) {
      Object.assign(fault, { step, code });
      const error: unknown = await write(2).catch((thrown: unknown) => thrown);
      delete fault.step;
      if (!(error instanceof FileError)) throw error;
      expect(error.code, log[step]).toBe(expected);
      expect(error.fix).toContain(fix);
      expect(fs.readdirSync(folder)).toEqual(['step-00000001']);
    }
    expect((await findCheckpoints(folder)).newest?.state.step).toBe(1);
  });
});

it('a deletion that fails leaves the checkpoint whole', async () => {
  await write(1);
  await write(2);
  fault.log = [];
  Object.assign(fault, { code: 'EACCES' });
  await applyRetention(folder, { keepLast: 2 });
  const renames = fault.log.length;
  fault.log = [];
  // The survey opens the newest one's files; the rename comes next.
  fault.step = renames;
  const error: unknown = await applyRetention(folder, { keepLast: 1 }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'file-unwritable' });
  expect(fault.log.at(-1)).toMatch(/^rename step-00000001/);
  delete fault.step;
  expect((await findCheckpoints(folder)).valid).toHaveLength(2);
});
