/** Reading weight files from disk: the content decides, and every way to fail has its code. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileError } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, it } from 'vitest';
import {
  encodeSafetensors,
  fromFloat32,
  indexTensorFile,
  readTensorFile,
} from '../../../packages/tensor/src/files/index.ts';
import { utf8 } from './builders.ts';

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-read-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** What both ways of reading a file refuse it with. */
async function refusalOf(path: string): Promise<FileError> {
  const [error, again] = await Promise.all(
    [readTensorFile, indexTensorFile].map((read) =>
      read(path).then(
        (): unknown => undefined,
        (thrown: unknown) => thrown,
      ),
    ),
  );
  if (!(error instanceof FileError)) throw error ?? new Error('nothing was refused');
  expect(error.message).toContain(path);
  expect(again).toMatchObject({ code: error.code, message: error.message, fix: error.fix });
  return error;
}

const weights = encodeSafetensors(
  new Map([['latent', fromFloat32(Float32Array.of(1, 2, 3), [3])]]),
  new Map([['profile', 'flux']]),
);

describe('readTensorFile', () => {
  it('reads safetensors, whatever the name says', async () => {
    for (const name of ['a.safetensors', 'b.pth', 'c']) {
      const file = await readTensorFile(write(name, weights));
      expect(file.format).toBe('safetensors');
      expect(file.metadata).toEqual(new Map([['profile', 'flux']]));
      expect(file.tensors.get('latent')?.shape).toEqual([3]);
      expect('entry' in file).toBe(false);
    }
  });

  it('reads a checkpoint, whatever the name says', async () => {
    const path = join(folder, 'checkpoint.safetensors');
    copyFileSync(fileURLToPath(new URL('./fixtures/params_and_ema.pth', import.meta.url)), path);
    const file = await readTensorFile(path);
    expect(file.format).toBe('pth');
    expect(file.entry).toBe('params_ema');
    expect(file.metadata.size).toBe(0);
    expect(file.tensors.get('conv_first.weight')?.shape).toEqual([2, 1, 3, 3]);
  });

  it.each([
    ['a missing file', () => join(folder, 'nothing.safetensors'), 'file-not-found'],
    ['a missing folder', () => join(folder, 'nowhere', 'x'), 'file-not-found'],
    ['a file in place of a folder', () => join(write('plain', weights), 'x'), 'file-not-found'],
    ['a folder', () => folder, 'file-unreadable'],
    ['a device', () => '/dev/null', 'file-unreadable'],
    ['a path that is too long', () => join(folder, 'x'.repeat(300)), 'file-unreadable'],
    ['an empty file', () => write('empty', new Uint8Array(0)), 'safetensors-too-short'],
    ['a picture', () => write('x.pth', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)), 'file-is-image'],
    ['a web page', () => write('y.safetensors', utf8('<!DOCTYPE html>')), 'file-is-html'],
    ['an old checkpoint', () => write('old', Uint8Array.of(0x80, 2, 0x8a, 10)), 'pth-legacy'],
    ['a zip of something else', () => write('zip', utf8('PK\x03\x04')), 'pth-truncated'],
  ])('refuses %s', async (_, path, code) => {
    expect((await refusalOf(path())).code).toBe(code);
  });

  it('refuses a pipe without waiting for its writer', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    expect((await refusalOf(path)).code).toBe('file-unreadable');
  });

  it('refuses a truncated file', async () => {
    const path = write('cut', weights);
    truncateSync(path, weights.length - 1);
    expect((await refusalOf(path)).code).toBe('safetensors-truncated');
  });

  it('says so when permission is missing', async (context) => {
    const path = write('secret', weights);
    chmodSync(path, 0);
    context.skip(process.getuid?.() === 0, 'root may read everything');
    const error = await refusalOf(path);
    expect(error.code).toBe('file-unreadable');
    expect(error.fix).toContain('permission');
  });

  it('reads names with any character', async () => {
    mkdirSync(join(folder, 'é 😀'));
    expect((await readTensorFile(write(join('é 😀', 'ü.x'), weights))).tensors.size).toBe(1);
  });
});

describe('indexTensorFile', () => {
  const shapes = { a: [2, 3], b: [5], none: [0, 4], c: [] } as const;
  const several = encodeSafetensors(
    new Map(
      Object.entries(shapes).map(([name, shape]) => {
        const count = shape.reduce((product: number, size) => product * size, 1);
        return [
          name,
          fromFloat32(
            Float32Array.from({ length: count }, (_, i) => i + name.length),
            shape,
          ),
        ];
      }),
    ),
    // A header longer than the piece that says what the file is.
    new Map([['note', 'x'.repeat(2000)]]),
  );

  it.each([
    ['safetensors', () => write('several.safetensors', several)],
    ['pth', () => fileURLToPath(new URL('./fixtures/params_and_ema.pth', import.meta.url))],
  ])('gives the tensors of %s that are asked for, as readTensorFile does', async (format, path) => {
    const whole = await readTensorFile(path());
    const index = await indexTensorFile(path());
    expect(index.format).toBe(format);
    expect(index.metadata).toEqual(whole.metadata);
    const described = (entries: ReadonlyMap<string, { dtype: string; shape: readonly number[] }>) =>
      [...entries].map(([name, { dtype, shape }]) => [name, dtype, shape]);
    expect(described(index.entries)).toEqual(described(whole.tensors));
    const names = [...whole.tensors.keys()].reverse();
    expect(await index.read(names)).toEqual(new Map(names.map((name) => [name, whole.tensors.get(name)])));
    expect(await index.read([])).toEqual(new Map());
    await expect(index.read(['nothing'])).rejects.toMatchObject({ code: 'file-tensor-missing' });
  });

  it('reads no values before they are asked for', async () => {
    const path = write('shrinks', several);
    const index = await indexTensorFile(path);
    truncateSync(path, several.length - 3);
    await expect(index.read(['a'])).rejects.toMatchObject({ code: 'safetensors-truncated' });
  });
});
