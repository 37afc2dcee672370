/** Atomic writing: the old file or the new one, and nothing beside them, whichever step fails. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeFileAtomic } from '../../../packages/tensor/src/files/index.ts';
import { utf8 } from './builders.ts';

/** The step that fails next, and how; `log` is what was done to the disk, in order. */
const fault: { step?: string; code?: string; log: string[] } = { log: [] };

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FsPromises>();
  const step = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    fault.log.push(name);
    if (fault.step === name) throw Object.assign(new Error('injected'), { code: fault.code });
    return run();
  };
  return {
    ...real,
    rename: (from: string, to: string) => step('rename', () => real.rename(from, to)),
    open: async (path: string, flags: string, mode?: number) => {
      const kind = flags === 'r' ? 'folder' : 'file';
      const handle = await step(`open ${kind}`, () => real.open(path, flags, mode));
      return new Proxy(handle, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target);
          if (typeof value !== 'function') return value;
          const bound = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
          if (typeof key !== 'string') return bound;
          return (...args: unknown[]) => step(`${key} ${kind}`, () => bound(...args));
        },
      });
    },
  };
});

let folder = '';
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-write-'));
  fault.log = [];
});
afterEach(() => {
  delete fault.step;
  fs.rmSync(folder, { recursive: true });
});

async function refusalOf(path: string, code = 'file-unwritable'): Promise<FileError> {
  const error: unknown = await writeFileAtomic(path, utf8('new')).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FileError)) throw error ?? new Error('nothing was refused');
  expect(error.code).toBe(code);
  expect(error.message).toContain(path);
  return error;
}

describe('writeFileAtomic', () => {
  it('writes, syncs, closes, renames, syncs the folder: in this order', async () => {
    const path = join(folder, 'out');
    await writeFileAtomic(path, utf8('new'));
    expect(fs.readFileSync(path, 'utf8')).toBe('new');
    expect(fs.readdirSync(folder)).toEqual(['out']);
    expect(fault.log).toEqual([
      'open file',
      'writeFile file',
      'sync file',
      'close file',
      'rename',
      'open folder',
      'sync folder',
    ]);
  });

  it('replaces a file and keeps its permissions', async () => {
    const path = join(folder, 'out');
    fs.writeFileSync(path, 'old');
    fs.chmodSync(path, 0o640);
    await writeFileAtomic(path, utf8('new'));
    expect(fs.readFileSync(path, 'utf8')).toBe('new');
    expect(fs.statSync(path).mode & 0o777).toBe(0o640);
  });

  it('follows a symbolic link', async () => {
    fs.mkdirSync(join(folder, 'real'));
    fs.writeFileSync(join(folder, 'real', 'out'), 'old');
    fs.symlinkSync(join('real', 'out'), join(folder, 'link'));
    await writeFileAtomic(join(folder, 'link'), utf8('new'));
    expect(fs.lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
    expect(fs.readFileSync(join(folder, 'real', 'out'), 'utf8')).toBe('new');
    expect(fs.readdirSync(join(folder, 'real'))).toEqual(['out']);
  });

  it('writes a name of the greatest length, and no bytes', async () => {
    const path = join(folder, 'x'.repeat(255));
    await writeFileAtomic(path, new Uint8Array(0));
    expect(fs.readFileSync(path).length).toBe(0);
  });

  describe.each(['open file', 'writeFile file', 'sync file', 'chmod file', 'rename'])(
    'when %s fails',
    (step) => {
      it.each([
        ['ENOSPC', 'Free some space'],
        ['EIO', 'Check the disk'],
        ['EROFS', 'read-only'],
        ['EACCES', 'permission'],
      ])('with %s, the old file stays and nothing else does', async (code, fix) => {
        const path = join(folder, 'out');
        fs.writeFileSync(path, 'old');
        Object.assign(fault, { step, code });
        const error = await refusalOf(path, code === 'ENOSPC' ? 'file-disk-full' : 'file-unwritable');
        expect(error.message).toContain(code);
        expect(error.fix).toContain(fix);
        expect(fs.readFileSync(path, 'utf8')).toBe('old');
        expect(fs.readdirSync(folder)).toEqual(['out']);
      });
    },
  );

  it('reports an error of the folder sync, but not that a file system lacks it', async () => {
    const path = join(folder, 'out');
    Object.assign(fault, { step: 'sync folder', code: 'EINVAL' });
    await writeFileAtomic(path, utf8('new'));
    Object.assign(fault, { step: 'sync folder', code: 'EIO' });
    await refusalOf(path);
  });

  it.each([
    ['a missing folder', () => join(folder, 'none', 'out'), 'Create the folder'],
    ['a folder', () => folder, 'Name a file'],
    ['a name that is too long', () => join(folder, 'x'.repeat(256)), 'shorter'],
    ['an empty name', () => '', 'Create the folder'],
  ])('refuses %s', async (_, path, fix) => {
    expect((await refusalOf(path())).fix).toContain(fix);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('refuses to replace a pipe', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    expect((await refusalOf(path)).fix).toContain('Name a file');
    expect(fs.statSync(path).isFIFO()).toBe(true);
  });
});
