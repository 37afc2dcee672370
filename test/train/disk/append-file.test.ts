/** Files that grow by whole records, on disks that fill up. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppendFile } from '../../../packages/train/src/disk/index.ts';
import { noSmallDisk, smallDisk } from '../../support/small-disk.ts';

const record = (text: string) => new TextEncoder().encode(`${text}\n`);

describe('AppendFile', () => {
  let folder = '';
  beforeEach(() => {
    folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-append-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  it('adds to what is there, in the order of the calls', async () => {
    const path = join(folder, 'log');
    fs.writeFileSync(path, 'before\n');
    const file = await AppendFile.open(path);
    await Promise.all(Array.from({ length: 50 }, (_, i) => file.append(record(`${i}`))));
    expect(await file.close()).toEqual({ error: undefined, pending: 0, lost: 0 });
    const expected = ['before', ...Array.from({ length: 50 }, (_, i) => `${i}`), ''];
    expect(fs.readFileSync(path, 'utf8').split('\n')).toEqual(expected);
  });

  it('refuses what cannot be opened', async () => {
    const missing = AppendFile.open(join(folder, 'none', 'log'));
    await expect(missing).rejects.toMatchObject({ code: 'file-unwritable' });
    fs.writeFileSync(join(folder, 'there'), '');
    await expect(AppendFile.open(join(folder, 'there'), 'ax')).rejects.toMatchObject({
      code: 'file-unwritable',
    });
  });
});

describe.runIf(noSmallDisk === undefined)(
  `AppendFile on a small disk${noSmallDisk ? `: ${noSmallDisk}` : ''}`,
  () => {
    let disk: ReturnType<typeof smallDisk>;
    let path = '';
    beforeEach(() => {
      disk = smallDisk(2 ** 16);
      path = join(disk.folder, 'log');
      fs.writeFileSync(join(disk.folder, 'filler'), new Uint8Array(2 ** 15));
    });
    afterEach(() => disk.unmount());

    const long = (n: number) => `${n} ${'x'.repeat(3000)}`;
    const lines = () => fs.readFileSync(path, 'utf8').split('\n');

    it('keeps what does not fit and writes it, in its place, when there is space again', async () => {
      const file = await AppendFile.open(path);
      const results = [];
      for (let n = 0; n < 14; n++) results.push(await file.append(record(long(n))));
      const firstFailure = results.findIndex(({ error }) => error !== undefined);
      expect(firstFailure).toBeGreaterThan(5);
      expect(results[firstFailure]?.error?.code).toBe('file-disk-full');
      expect(results.at(-1)?.pending).toBe(14 - firstFailure);
      // No part of the record that did not fit.
      expect(lines()).toEqual([...Array.from({ length: firstFailure }, (_, n) => long(n)), '']);
      fs.rmSync(join(disk.folder, 'filler'));
      expect(await file.append(record(long(14)))).toEqual({ error: undefined, pending: 0, lost: 0 });
      await file.close();
      expect(lines()).toEqual([...Array.from({ length: 15 }, (_, n) => long(n)), '']);
    });

    it('gives up the oldest of what waits when memory would grow without end, and counts them', async () => {
      const file = await AppendFile.open(path);
      const block = new Uint8Array(2 ** 23);
      await file.append(block);
      await file.append(block);
      expect(await file.append(block)).toMatchObject({ pending: 2, lost: 1 });
      expect(await file.close()).toMatchObject({ error: { code: 'file-disk-full' }, pending: 0, lost: 3 });
      expect(fs.statSync(path).size).toBe(0);
    });
  },
);
