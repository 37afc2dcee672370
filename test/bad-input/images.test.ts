/** Files that are no pictures, or no whole ones: each is refused with a code and a way out, and gives no half picture. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { readImage } from '@lua-webgpu/lua-model';
import { encodeSafetensors, fromFloat32 } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { greyChunks, levelsOf, noisePicture, pngOf, rawPicture, tiffOf } from '../support/pictures.ts';

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-bad-images-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const levels = Uint8Array.from(levelsOf(noisePicture(48, 32)));
const rgb = () => rawPicture(levels, 48, 3);
const gif = await rgb().gif().toBuffer();
const floats = await rgb().toColourspace('scrgb').tiff({ compression: 'none' }).toBuffer();
const whole = {
  png: await rgb().png().toBuffer(),
  jpeg: await rgb().jpeg().toBuffer(),
  progressive: await rgb().jpeg({ progressive: true }).toBuffer(),
  webp: await rgb().webp().toBuffer(),
  'webp without loss': await rgb().webp({ lossless: true }).toBuffer(),
  tiff: await rgb().tiff({ compression: 'none' }).toBuffer(),
  'tiff with deflate': await rgb().tiff({ compression: 'deflate' }).toBuffer(),
  avif: await rgb().avif().toBuffer(),
};

async function refusal(picture: string | Uint8Array, options = {}): Promise<FileError> {
  const error: unknown = await readImage(picture, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FileError)) throw error ?? new Error('nothing was refused');
  expect(error.message).toContain(typeof picture === 'string' ? picture : 'the picture');
  return error;
}

describe('truncated', () => {
  it.each(Object.entries(whole))('%s', async (_name, bytes) => {
    for (const share of [0.3, 0.6, 0.95]) {
      const error = await refusal(bytes.subarray(0, Math.floor(bytes.length * share)));
      expect(error.code).toBe('image-broken');
      expect(error.fix).toMatch(/again/);
    }
  });

  it('to almost nothing', async () => {
    expect((await refusal(new Uint8Array(0))).code).toBe('image-format');
    expect((await refusal(whole.png.subarray(0, 4))).code).toBe('image-format');
    expect((await refusal(whole.png.subarray(0, 8))).code).toBe('image-broken');
  });

  it('pixels that a PNG promises and does not have', async () => {
    const error = await refusal(pngOf(greyChunks(16, 16, 8)));
    expect(error.code).toBe('image-broken');
    expect((await readImage(pngOf(greyChunks(16, 16, 16)))).image.height).toBe(16);
  });
});

describe('a wrong checksum', () => {
  it.each(['IHDR', 'IDAT'])('of %s', async (type) => {
    const chunks = greyChunks(16, 16, 16).map((chunk) =>
      chunk.type === type ? { ...chunk, crc: 1 } : chunk,
    );
    expect(await refusal(pngOf(chunks))).toMatchObject({ code: 'image-broken' });
  });
});

it('damaged data in the middle of a JPEG', async () => {
  const bytes = Buffer.from(whole.jpeg);
  // Ones alone are no Huffman code.
  for (let at = bytes.length >> 1, end = at + 32; at < end; at += 2) bytes.set([0xff, 0], at);
  expect(await refusal(bytes)).toMatchObject({ code: 'image-broken' });
});

describe('too many pixels', () => {
  it('are refused by the header, before any are decoded', async () => {
    const bomb = pngOf(greyChunks(100_000, 100_000, 1));
    const begin = performance.now();
    const error = await refusal(bomb);
    expect(error.code).toBe('image-pixels');
    expect(error.message).toContain('100000×100000');
    expect(performance.now() - begin).toBeLessThan(5000);
  });
  it('are what maxPixels says', async () => {
    expect(await refusal(whole.png, { maxPixels: 48 * 32 - 1 })).toMatchObject({ code: 'image-pixels' });
    expect((await readImage(whole.png, { maxPixels: 48 * 32 })).image.width).toBe(48);
  });
});

describe('another kind of file', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const safetensors = encodeSafetensors(
    new Map([['latent', fromFloat32(new Float32Array(4), [1, 4, 1, 1])]]),
  );
  const lfs = 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n';
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';
  const table: [name: string, bytes: Uint8Array, code: string, says: RegExp][] = [
    ['a text', utf8('Hello, world. This is no picture.\n'), 'image-format', /PNG/],
    ['HTML', utf8('<!DOCTYPE html><html></html>'), 'image-is-html', /PNG/],
    ['an SVG drawing', utf8(svg), 'image-is-html', /PNG/],
    ['an SVG drawing after a comment', utf8(`\n<!-- x -->${svg}`), 'image-is-html', /PNG/],
    ['a latent', safetensors, 'image-is-safetensors', /PNG/],
    ['a checkpoint', utf8('PK\x03\x04 and so on'), 'image-is-zip', /PNG/],
    ['a Git LFS pointer', utf8(lfs), 'image-is-lfs-pointer', /git lfs pull/],
    ['a GIF', gif, 'image-format', /PNG/],
    ['a PDF', utf8('%PDF-1.4\n%âãÏÓ\n'), 'image-format', /PNG/],
    ['floating-point pixels', floats, 'image-format', /8 or 16 bits/],
  ];
  it.each(table)('%s', async (_name, bytes, code, says) => {
    const error = await refusal(bytes);
    expect(error.code).toBe(code);
    expect(error.fix).toMatch(says);
  });

  it('five channels', async () => {
    const tiff = tiffOf({ width: 2, height: 2, channels: 5, levels: new Uint8Array(20) });
    const error = await refusal(tiff);
    expect(error.code).toBe('image-format');
    expect(error.message).toContain('5 channels');
  });
});

describe('no file to read', () => {
  it.each([
    ['missing', () => join(folder, 'none.png'), 'file-not-found'],
    ['a folder', () => folder, 'file-unreadable'],
    ['a device', () => '/dev/null', 'file-unreadable'],
  ])('%s', async (_name, path, code) => {
    expect((await refusal(path())).code).toBe(code);
  });

  it('a pipe is not waited for', async () => {
    const path = join(folder, 'pipe.png');
    execFileSync('mkfifo', [path]);
    expect((await refusal(path)).code).toBe('file-unreadable');
  });

  it('names the file in what it says about it', async () => {
    const path = join(folder, 'cut.png');
    writeFileSync(path, whole.png.subarray(0, 60));
    expect((await refusal(path)).message).toMatch(/cut\.png is a PNG image that is truncated or damaged/);
  });
});

it('any damage gives a FileError or a picture of the right size, never anything else', async () => {
  const names = Object.keys(whole) as (keyof typeof whole)[];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.nat(), fc.nat(255), async (name, place, value) => {
      const bytes = Buffer.from(whole[name]);
      bytes[place % bytes.length] = value;
      const before = await sharp(bytes)
        .metadata()
        .catch(() => undefined);
      try {
        const { image } = await readImage(bytes, { maxPixels: 2 ** 20 });
        expect(image.data).toHaveLength(3 * image.width * image.height);
        expect([image.width, image.height]).toEqual([before?.width, before?.height]);
        expect(image.data.every((level) => level >= 0 && level <= 1)).toBe(true);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
      }
    }),
    { numRuns: 60, seed: 1 },
  );
});
