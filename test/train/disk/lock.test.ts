/** One process to a folder, whatever became of the one before. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../packages/train/src/disk/index.ts';
import { thisProcess } from '../../../packages/train/src/disk/process.ts';
import { bundle } from '../../support/bundle.ts';
import { noSmallDisk, smallDisk } from '../../support/small-disk.ts';

let folder = '';
let script = '';
beforeAll(async () => {
  script = await bundle(new URL('./holder.ts', import.meta.url));
});
afterAll(() => fs.rmSync(script));
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-lock-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const acquire = () => acquireLock(folder, 'trainer');
const names = () => fs.readdirSync(folder).sort();
const plant = (number: number, text: string) =>
  fs.writeFileSync(join(folder, `trainer.${number}.lock`), text);

async function refusal(): Promise<FileError> {
  const error: unknown = await acquire().then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FileError)) throw error;
  expect(error.code).toBe('run-locked');
  return error;
}

/** A process that tries to take the lock. @returns what it said: `held`, or the code of its error */
async function holder() {
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const kill = async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return { said: said.trim(), pid: child.pid ?? 0, kill };
}

describe('the lock', () => {
  it('is for one, in this process too, and can be had again after its release', async () => {
    const lock = await acquire();
    expect(lock.abandoned).toEqual([]);
    expect(names()).toEqual(['trainer.1.lock']);
    expect((await refusal()).message).toContain(`in use by process ${process.pid}`);
    await lock.release();
    expect(names()).toEqual([]);
    await (await acquire()).release();
  });

  it('is refused while another process has it, and taken over when that was killed', async () => {
    const other = await holder();
    expect(other.said).toBe('held');
    expect((await refusal()).message).toContain(String(other.pid));
    await other.kill();
    const lock = await acquire();
    expect(lock.abandoned).toMatchObject([{ pid: other.pid }]);
    expect(names()).toEqual(['trainer.2.lock']);
    await lock.release();
  });

  it('goes to one of several that take over at once', async () => {
    plant(7, JSON.stringify({ ...thisProcess(), started: 'long ago' }));
    const all = await Promise.all(Array.from({ length: 6 }, holder));
    expect(all.map(({ said }) => said).sort()).toEqual(['held', ...Array(5).fill('run-locked')].sort());
    expect(names()).toEqual(['trainer.8.lock']);
    await Promise.all(all.map(({ kill }) => kill()));
  });

  it.runIf(thisProcess().started !== null)(
    'is not held by a process that has the number of a dead one',
    async () => {
      plant(1, JSON.stringify({ ...thisProcess(), started: 'some-other-boot:12345' }));
      const lock = await acquire();
      expect(lock.abandoned).toMatchObject([{ pid: process.pid }]);
      await lock.release();
    },
  );

  it('is not taken from another machine or container: that is for a person to decide', async () => {
    plant(1, JSON.stringify({ ...thisProcess(), pid: 2 ** 22 + 1, host: `not-${hostname()}` }));
    const error = await refusal();
    expect(error.message).toContain(`of not-${hostname()}`);
    expect(error.fix).toContain(join(folder, 'trainer.1.lock'));
    plant(1, JSON.stringify({ ...thisProcess(), namespace: 'pid:[1]' }));
    await refusal();
  });

  it.each([
    ['nothing', ''],
    ['half a line', '{"pid": 12'],
    ['something else', '[]'],
  ])('that says %s was left by a process that died at that moment', async (_name, text) => {
    plant(1, text);
    const lock = await acquire();
    expect(lock.abandoned).toEqual([]);
    expect(names()).toEqual(['trainer.2.lock']);
    await lock.release();
  });

  it('passes by files that are called alike', async () => {
    for (const name of ['trainer.lock', 'trainer.01.lock', 'other.1.lock', 'trainer.1.lock.bak']) {
      fs.writeFileSync(join(folder, name), 'x');
    }
    await (await acquire()).release();
    expect(names()).toHaveLength(4);
  });

  it.runIf(noSmallDisk === undefined)('is refused, and leaves no file, on a full disk', async () => {
    const disk = smallDisk(2 ** 14);
    try {
      const { bavail, bsize } = fs.statfsSync(disk.folder);
      fs.writeFileSync(join(disk.folder, 'filler'), new Uint8Array(bavail * bsize));
      await expect(acquireLock(disk.folder, 'trainer')).rejects.toMatchObject({ code: 'file-disk-full' });
      expect(fs.readdirSync(disk.folder)).toEqual(['filler']);
    } finally {
      disk.unmount();
    }
  });
});
