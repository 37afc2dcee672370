import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeImage, hasImageExtension, readImage, writeImage } from '@lua-webgpu/lua-model';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSharp } from '../../../packages/lua-model/src/images/sharp.ts';
import { noisePicture, smoothPicture } from '../../support/pictures.ts';

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-images-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

describe('writeImage', () => {
  const formats = { png: 'png', tif: 'tiff', TIFF: 'tiff', webp: 'webp', avif: 'heif' };
  it.each(Object.entries(formats))('.%s loses nothing', async (ending, format) => {
    const picture = noisePicture(9, 7);
    await writeImage(at(`x.${ending}`), picture);
    expect((await sharp(readFileSync(at(`x.${ending}`))).metadata()).format).toBe(format);
    expect(await readImage(at(`x.${ending}`))).toEqual({ image: picture, notes: [] });
  });

  it.each(['jpg', 'jpeg'])('.%s stays near', async (ending) => {
    const picture = smoothPicture(40, 30);
    await writeImage(at(`x.${ending}`), picture);
    const metadata = await sharp(readFileSync(at(`x.${ending}`))).metadata();
    expect([metadata.format, metadata.chromaSubsampling]).toEqual(['jpeg', '4:4:4']);
    const { image } = await readImage(at(`x.${ending}`));
    const errors = image.data.map((value, i) => (value - (picture.data[i] as number)) ** 2);
    expect(-10 * Math.log10(errors.reduce((a, b) => a + b) / errors.length)).toBeGreaterThan(38);
  });

  it('clamps and rounds to 8 bits', async () => {
    const data = Float32Array.of(-0.5, 1.5, 0.4999 / 255, 0.5001 / 255, 127.4 / 255, 1);
    await writeImage(at('clamped.png'), { width: 2, height: 1, data });
    const { image } = await readImage(at('clamped.png'));
    expect([...image.data].map((value) => Math.round(255 * value))).toEqual([0, 255, 0, 1, 127, 255]);
  });

  it('replaces a file, and leaves it alone when something fails', async () => {
    writeFileSync(at('old.png'), 'old');
    const broken = { width: 1, height: 1, data: Float32Array.of(0, Number.NaN, 0) };
    await expect(writeImage(at('old.png'), broken)).rejects.toMatchObject({ code: 'non-finite' });
    expect(readFileSync(at('old.png'), 'utf8')).toBe('old');
    await writeImage(at('old.png'), noisePicture(2, 2));
    expect((await readImage(at('old.png'))).image).toEqual(noisePicture(2, 2));
  });

  it.each(['x', 'x.gif', 'x.safetensors', '.png/x', 'x.png '])('refuses the name %j', async (name) => {
    await expect(writeImage(at(name), noisePicture(2, 2))).rejects.toMatchObject({
      code: 'image-extension',
      fix: expect.stringContaining('.png'),
    });
    expect(hasImageExtension(name)).toBe(false);
    expect(existsSync(at(name))).toBe(false);
  });

  it('says where it cannot write', async () => {
    await expect(writeImage(at('none/x.png'), noisePicture(2, 2))).rejects.toMatchObject({
      code: 'file-unwritable',
    });
  });

  it('says what a format cannot hold', async () => {
    const long = { width: 16_384, height: 1, data: new Float32Array(3 * 16_384) };
    await expect(writeImage(at('long.webp'), long)).rejects.toMatchObject({
      code: 'image-encode',
      fix: expect.stringContaining('PNG'),
    });
    expect(existsSync(at('long.webp'))).toBe(false);
  });

  it.each([0, 1.5, -1])('refuses a width of %s', async (width) => {
    const image = { width, height: 2, data: new Float32Array(6) };
    await expect(encodeImage(image, 'png')).rejects.toMatchObject({ code: 'image-shape' });
  });

  it('leaves no temporary file', () => {
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('without sharp', () => {
  it('says what to install', async () => {
    const missing = () => Promise.reject(new Error("Cannot find package 'sharp' imported from x.js"));
    await expect(loadSharp(missing)).rejects.toMatchObject({
      code: 'image-library',
      message: expect.stringContaining('not installed'),
      fix: 'Run npm install sharp.',
    });
  });
  it('passes on why it does not load', async () => {
    const broken = () => Promise.reject(new Error('Could not load the "sharp" module using the x runtime'));
    await expect(loadSharp(broken)).rejects.toMatchObject({
      code: 'image-library',
      message: expect.stringContaining('using the x runtime'),
    });
  });
});
