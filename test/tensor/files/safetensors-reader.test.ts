import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import {
  encodeSafetensors,
  type FileTensor,
  fromFloat32,
  parseSafetensors,
  SafetensorsReader,
} from '@lua-webgpu/tensor';
import { afterAll, expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-reader-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const values = (count: number) => Float32Array.from(seededValues(1, count));
const tensors = new Map<string, FileTensor>([
  ['a', fromFloat32(values(60), [5, 3, 4])],
  ['half', fromFloat32(values(6), [3, 2], 'F16')],
  ['bytes', { dtype: 'U8', shape: [7], bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7) }],
  ['empty', fromFloat32(values(0), [0, 3])],
]);

function put(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

// A header beyond the 512 bytes that are read first.
const metadata = new Map([['note', 'x'.repeat(5000)]]);
const whole = encodeSafetensors(tensors, metadata);

it('reads rows of a tensor as they stand in the file', async () => {
  await using reader = await SafetensorsReader.open(put('good.safetensors', whole));
  expect(reader.metadata).toEqual(metadata);
  for (const [name, { dtype, shape, bytes }] of tensors) {
    expect(reader.tensors.get(name)).toMatchObject({ dtype, shape });
    const [rows = 0, ...rest] = shape;
    const rowBytes = rows === 0 ? 0 : bytes.byteLength / rows;
    for (let first = 0; first <= rows; first++) {
      for (let count = 0; first + count <= rows; count++) {
        const part = bytes.slice(first * rowBytes, (first + count) * rowBytes);
        expect(await reader.read(name, first, count)).toEqual({
          dtype,
          shape: [count, ...rest],
          bytes: part,
        });
      }
    }
  }
});

it.each([
  ['a', 4, 2],
  ['a', -1, 1],
  ['a', 0, -1],
  ['b', 0, 1],
])('has no entries of %s from %i, %i of them', async (name, first, count) => {
  await using reader = await SafetensorsReader.open(put('range.safetensors', whole));
  await expect(reader.read(name, first, count)).rejects.toThrow(RangeError);
});

const small = encodeSafetensors(tensors);
const text = (content: string) => new TextEncoder().encode(content);
it.each([
  ['nothing', new Uint8Array()],
  ['seven bytes', small.slice(0, 7)],
  ['half a header', small.slice(0, 40)],
  ['half the data', small.slice(0, small.length - 9)],
  ['half the data behind a long header', whole.slice(0, whole.length - 9)],
  ['a byte too many', Uint8Array.of(...small, 0)],
  ['a length beyond the format', Uint8Array.of(255, 255, 255, 255, 255, 0, 0, 0, 0x7b, 0x7d)],
  ['a web page', text(`<!doctype html><html>${'x'.repeat(3000)}</html>`)],
  ['a pointer of Git LFS', text('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n')],
])('refuses %s as the parser of whole files does', async (name, bytes) => {
  const path = put(`${name}.safetensors`, bytes);
  const refused = await SafetensorsReader.open(path).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(FileError);
  const { code, message } = refused as FileError;
  expect(() => parseSafetensors(bytes, path)).toThrow(expect.objectContaining({ code, message }));
});

it('a file cut short while it is open', async () => {
  const path = put('cut.safetensors', small);
  await using reader = await SafetensorsReader.open(path);
  truncateSync(path, small.length - 200);
  await expect(reader.read('a', 4, 1)).rejects.toMatchObject({ code: 'safetensors-truncated' });
});

it('what is no file', async () => {
  await expect(SafetensorsReader.open(folder)).rejects.toMatchObject({ code: 'file-unreadable' });
  await expect(SafetensorsReader.open(join(folder, 'none'))).rejects.toMatchObject({
    code: 'file-not-found',
  });
});
