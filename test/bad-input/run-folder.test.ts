/** Folders that a run cannot have, and runs that a report cannot be made of: a code, a way out, and nothing written. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { findCheckpoints, RunFolder, writeCheckpoint } from '@lua-webgpu/train';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thisProcess } from '../../packages/train/src/disk/process.ts';
import { runHere } from '../cli/run.ts';
import { noSmallDisk, smallDisk } from '../support/small-disk.ts';
import { contentAt } from '../train/checkpoint/content.ts';
import { stepLine } from '../train/run/lines.ts';

let parent = '';
let path = '';
beforeEach(() => {
  parent = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-bad-run-'));
  path = join(parent, 'run');
});
afterEach(() => fs.rmSync(parent, { recursive: true }));

/** A run with a checkpoint at step 2 and a line behind it. */
async function makeRun(): Promise<void> {
  const run = await RunFolder.open(path);
  await run.start({ config: 'name: a\n' });
  await run.append(stepLine(1));
  await run.saveCheckpoint(contentAt(2), { retention: { keepLast: 2 } });
  await run.append(stepLine(3));
  await run.close();
}

const checkpoint = (name: string) => join(path, 'checkpoints', 'step-00000002', name);

async function refusal(resume: boolean): Promise<FileError> {
  const error: unknown = await RunFolder.open(path, { resume }).then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FileError)) throw error;
  expect(error.message).toContain(path);
  return error;
}

/** Everything in the folder, by path, with what the files hold. */
function contents(): Record<string, string> {
  if (!fs.existsSync(path)) return {};
  if (fs.statSync(path).isFile()) return { '.': fs.readFileSync(path, 'utf8') };
  const names = fs.readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const at = join(path, name);
      return [name, fs.statSync(at).isFile() ? fs.readFileSync(at, 'base64') : 'folder'];
    }),
  );
}

describe('the folder', () => {
  const held = () => ({ ...thisProcess() });
  const table: [name: string, make: () => unknown, resume: boolean, code: string, fix: RegExp][] = [
    ['that has a run, for a new one', makeRun, false, 'run-exists', /--resume/],
    [
      'that has a part of a run, for a new one',
      () => fs.mkdirSync(join(path, 'checkpoints'), { recursive: true }),
      false,
      'run-exists',
      /--resume/,
    ],
    ['that is not there, to resume from', () => undefined, true, 'run-missing', /without --resume/],
    ['that is empty, to resume from', () => fs.mkdirSync(path), true, 'run-missing', /without --resume/],
    [
      'of photographs',
      () => {
        fs.mkdirSync(path);
        fs.writeFileSync(join(path, 'IMG_0001.jpg'), 'x');
      },
      false,
      'run-folder-not-empty',
      /empty folder/,
    ],
    ['that is a file', () => fs.writeFileSync(path, 'x'), false, 'file-unreadable', /folder/],
    [
      'below a file',
      () => {
        fs.writeFileSync(path, 'x');
        path = join(path, 'run');
      },
      false,
      'file-unreadable',
      /folder/,
    ],
    [
      'that another trainer works in',
      async () => {
        await makeRun();
        fs.writeFileSync(
          join(path, 'trainer.1.lock'),
          JSON.stringify({ ...held(), pid: process.ppid, started: null }),
        );
      },
      true,
      'run-locked',
      /./,
    ],
    [
      'that a trainer on another machine works in',
      async () => {
        await makeRun();
        fs.writeFileSync(join(path, 'trainer.1.lock'), JSON.stringify({ ...held(), host: 'elsewhere' }));
      },
      true,
      'run-locked',
      /delete .*trainer\.1\.lock/,
    ],
    [
      'whose checkpoints are a file',
      async () => {
        await makeRun();
        fs.rmSync(join(path, 'checkpoints'), { recursive: true });
        fs.writeFileSync(join(path, 'checkpoints'), '');
      },
      true,
      'file-unwritable',
      /is a file/,
    ],
  ];
  it.each(table)('%s', async (_name, make, resume, code, fix) => {
    await make();
    const before = contents();
    const error = await refusal(resume);
    expect(error.code).toBe(code);
    expect(error.fix).toMatch(fix);
    expect(contents()).toEqual(before);
  });

  it('that this process works in already', async () => {
    await makeRun();
    await using run = await RunFolder.open(path, { resume: true });
    expect((await refusal(true)).code).toBe('run-locked');
    expect(run.found.newest?.state.step).toBe(2);
  });

  it.runIf(noSmallDisk === undefined)('that is read-only', async () => {
    const disk = smallDisk(2 ** 18);
    try {
      path = join(disk.folder, 'run');
      await makeRun();
      execFileSync('mount', ['-o', 'remount,ro', disk.folder]);
      expect(await refusal(true)).toMatchObject({
        code: 'file-unwritable',
        fix: expect.stringMatching(/read-only/),
      });
      path = join(disk.folder, 'new');
      expect(await refusal(false)).toMatchObject({
        code: 'file-unwritable',
        fix: expect.stringMatching(/read-only/),
      });
      await expect(
        writeCheckpoint(join(disk.folder, 'run', 'checkpoints'), contentAt(3)),
      ).rejects.toMatchObject({
        code: 'file-unwritable',
      });
      // What is there can be read all the same.
      expect((await findCheckpoints(join(disk.folder, 'run', 'checkpoints'))).newest?.state.step).toBe(2);
    } finally {
      disk.unmount();
    }
  });

  it.runIf(noSmallDisk === undefined)('on a full disk', async () => {
    const disk = smallDisk(2 ** 14);
    try {
      const { bavail, bsize } = fs.statfsSync(disk.folder);
      fs.writeFileSync(join(disk.folder, 'filler'), new Uint8Array(bavail * bsize));
      path = join(disk.folder, 'run');
      expect((await refusal(false)).code).toBe('file-disk-full');
      expect(fs.readdirSync(disk.folder)).toEqual(['filler']);
    } finally {
      disk.unmount();
    }
  });
});

describe('a run whose only checkpoint', () => {
  const table: [name: string, damage: () => void, code: string][] = [
    [
      'is of a newer version',
      () => edit('manifest.json', '"version": 1', '"version": 7'),
      'checkpoint-newer',
    ],
    ['is truncated', () => fs.truncateSync(checkpoint('weights.safetensors'), 64), 'checkpoint-length'],
    ['was edited', () => edit('state.json', '"stageStep": 2', '"stageStep": 3'), 'checkpoint-hash'],
    ['has no manifest', () => fs.rmSync(checkpoint('manifest.json')), 'checkpoint-incomplete'],
    [
      'has a manifest that is HTML',
      () => fs.writeFileSync(checkpoint('manifest.json'), '<html>'),
      'checkpoint-manifest',
    ],
    [
      'has a manifest with a key too many',
      () => edit('manifest.json', '"files"', '"more": 1, "files"'),
      'checkpoint-manifest',
    ],
    [
      'has a manifest with __proto__',
      () => edit('manifest.json', '"state.json"', '"__proto__"'),
      'checkpoint-incomplete',
    ],
  ];
  it.each(table)('%s', async (_name, damage, code) => {
    await makeRun();
    damage();
    const notices: string[] = [];
    const run = await RunFolder.open(path, { resume: true, onNotice: (line) => notices.push(line) });
    expect(run.found.newest).toBeUndefined();
    expect(run.found.broken.map(({ error }) => error.code)).toEqual([code]);
    expect(notices).toEqual([expect.stringContaining(`passed by a checkpoint [${code}]`)]);
    await run.close();
    expect(fs.existsSync(checkpoint('state.json'))).toBe(true);
  });

  function edit(name: string, from: string, to: string): void {
    const text = fs.readFileSync(checkpoint(name), 'utf8');
    expect(text).toContain(from);
    fs.writeFileSync(checkpoint(name), text.replace(from, to));
  }
});

describe('lua-webgpu report', () => {
  const table: [name: string, make: () => unknown, args: () => string[], exit: number, code: string][] = [
    ['of a folder that is not there', () => undefined, () => [path], 3, 'run-missing'],
    ['of a folder that is no run', () => fs.mkdirSync(path), () => [path], 3, 'run-missing'],
    ['of a file', () => fs.writeFileSync(path, ''), () => [path], 3, 'run-missing'],
    [
      'into a folder that is not there',
      makeRun,
      () => [path, '--out', join(parent, 'none', 'r.html')],
      3,
      'file-unwritable',
    ],
    ['into a folder', makeRun, () => [path, '--out', parent], 3, 'file-unwritable'],
    ['of nothing', () => undefined, () => [], 2, 'usage-argument'],
    ['of two', makeRun, () => [path, path], 2, 'usage-argument'],
  ];
  it.each(table)('%s', async (_name, make, args, exit, code) => {
    await make();
    const before = contents();
    const { code: ended, stdout } = await runHere(['report', ...args(), '--json']);
    const { error } = JSON.parse(stdout) as { error: { code: string; fix: string } };
    expect([ended, error.code]).toEqual([exit, code]);
    expect(error.fix).not.toBe('');
    expect(contents()).toEqual(before);
  });
});
