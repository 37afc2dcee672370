/** What becomes of the pixels of every kind of picture file on the way to sRGB. */
import { type ReadImage, type RgbImage, readImage } from '@lua-webgpu/lua-model';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { levelsOf, noisePicture, rawPicture, tiffOf } from '../../support/pictures.ts';

const picture = noisePicture(6, 4);
const bytes = Uint8Array.from(levelsOf(picture));
const words = Uint16Array.from(picture.data, (value, i) =>
  Math.min(65535, Math.round(value * 65535) + (i % 7)),
);
const rgb = () => rawPicture(bytes, 6, 3);
const rgb16 = () => rawPicture(words, 6, 3).toColourspace('rgb16');

const exactly = (levels: ArrayLike<number>, largest: number) =>
  Float32Array.from(levels, (level) => level / largest);

function largestError({ image }: ReadImage, expected: ArrayLike<number>): number {
  expect(image.data).toHaveLength(expected.length);
  return Math.max(...Array.from(image.data, (value, i) => Math.abs(value - (expected[i] as number))));
}

describe('8 bits per channel', () => {
  it.each(['png', 'webp', 'tiff', 'avif'] as const)('%s without loss, to the bit', async (format) => {
    const lossless = {
      png: rgb().png(),
      webp: rgb().webp({ lossless: true }),
      tiff: rgb().tiff({ compression: 'lzw' }),
      avif: rgb().avif({ lossless: true, chromaSubsampling: '4:4:4' }),
    };
    expect(await readImage(await lossless[format].toBuffer())).toEqual({ image: picture, notes: [] });
  });

  it('JPEG nearly', async () => {
    const read = await readImage(await rgb().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer());
    expect(largestError(read, picture.data)).toBeLessThanOrEqual(4 / 255);
    expect(read.notes).toEqual([]);
  });

  it('a palette', async () => {
    const png = await rgb().png({ palette: true, colours: 256, dither: 0 }).toBuffer();
    expect((await sharp(png).metadata()).isPalette).toBe(true);
    expect((await readImage(png)).image).toEqual(picture);
  });

  it('grey, and a single bit of it', async () => {
    const levels = Uint8Array.of(0, 50, 128, 255);
    const grey = await rawPicture(levels, 2, 1).toColourspace('b-w').png().toBuffer();
    const expected = exactly(
      [...levels].flatMap((level) => [level, level, level]),
      255,
    );
    expect(await readImage(grey)).toEqual({ image: { width: 2, height: 2, data: expected }, notes: [] });
    const bits = await rawPicture(Uint8Array.of(0, 255), 2, 1).png({ palette: true, colours: 2 }).toBuffer();
    expect((await readImage(bits)).image.data).toEqual(Float32Array.of(0, 0, 0, 1, 1, 1));
  });
});

describe('16 bits per channel', () => {
  it.each(['png', 'tiff'] as const)('%s to the bit', async (format) => {
    const read = await readImage(await rgb16()[format]({ compression: 'lzw' }).toBuffer());
    expect(read).toEqual({ image: { ...picture, data: exactly(words, 65535) }, notes: [] });
  });

  it('grey', async () => {
    const levels = Uint16Array.of(0, 50, 12_800, 65_535);
    const grey = await rawPicture(levels, 2, 1).toColourspace('grey16').png().toBuffer();
    const expected = exactly(
      [...levels].flatMap((level) => [level, level, level]),
      65535,
    );
    expect((await readImage(grey)).image.data).toEqual(expected);
  });

  it('AVIF with 10 and 12 bits: its largest level is white', async () => {
    for (const bitdepth of [10, 12] as const) {
      const wide = rawPicture(words, 6, 3).resize(32, 32, { fit: 'fill', kernel: 'nearest' });
      const avif = await wide
        .toColourspace('rgb16')
        .avif({ bitdepth, lossless: true, chromaSubsampling: '4:4:4' })
        .toBuffer();
      const { image } = await readImage(avif);
      const raw = await sharp(avif).toColourspace('rgb16').raw({ depth: 'ushort' }).toBuffer();
      const levels = new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2);
      const shift = 2 ** (16 - bitdepth);
      const expected = exactly(
        levels.map((level) => level / shift),
        2 ** bitdepth - 1,
      );
      expect(Math.max(...levels.map((level) => level / shift))).toBeLessThan(2 ** bitdepth);
      expect(image.data).toEqual(expected);
    }
  });
});

describe('alpha', () => {
  const transparent = 'its transparent parts are put on white';
  it('is composited on white, with 8 and with 16 bits', async () => {
    const levels = [10, 20, 30, 255, 40, 50, 60, 51, 70, 80, 90, 0];
    for (const [data, largest, space] of [
      [Uint8Array.from(levels), 255, 'srgb'],
      [Uint16Array.from(levels, (level) => level * 257), 65535, 'rgb16'],
    ] as const) {
      const read = await readImage(await rawPicture(data, 3, 4).toColourspace(space).png().toBuffer());
      const at = (i: number) => (data[i] as number) / largest;
      const mixed = [4, 5, 6].map((i) => at(i) * 0.2 + 0.8);
      expect(largestError(read, [at(0), at(1), at(2), ...mixed, 1, 1, 1])).toBeLessThan(1e-7);
      expect(read.notes).toEqual([transparent]);
    }
  });

  it('of grey too', async () => {
    const levels = Uint8Array.of(0, 255, 100, 0);
    const read = await readImage(await rawPicture(levels, 2, 2).toColourspace('b-w').png().toBuffer());
    expect([...read.image.data]).toEqual([0, 0, 0, 1, 1, 1]);
    expect(read.notes).toEqual([transparent]);
  });

  it('that hides nothing is not worth a note', async () => {
    const png = await rgb().ensureAlpha(1).png().toBuffer();
    expect((await sharp(png).metadata()).channels).toBe(4);
    expect(await readImage(png)).toEqual({ image: picture, notes: [] });
  });
});

describe('colour', () => {
  const muted = Uint8Array.from(bytes, (level) => 64 + level / 2);
  it('a profile is converted to sRGB, with 8 and with 16 bits', async () => {
    const eight = await rawPicture(muted, 6, 3).withIccProfile('p3').png().toBuffer();
    const read = await readImage(eight);
    expect(largestError(read, exactly(muted, 255))).toBeLessThanOrEqual(2.5 / 255);
    const stored = await sharp(eight, { ignoreIcc: true }).raw().toBuffer();
    expect(largestError(read, exactly(stored, 255))).toBeGreaterThan(8 / 255);
    expect(read.notes).toEqual(['converted from its colour profile to sRGB']);
    // The same levels with the same profile, as 16 bits.
    const { icc } = await sharp(eight).metadata();
    const wide = tiffOf({
      width: 6,
      height: 4,
      channels: 3,
      levels: Uint16Array.from(stored, (level) => level * 257),
      icc,
    });
    const readWide = await readImage(wide);
    expect(largestError(readWide, exactly(muted, 255))).toBeLessThanOrEqual(2.5 / 255);
    expect(readWide.notes).toEqual(read.notes);
  });

  it('a profile that is none is ignored, and a note says so', async () => {
    const tiff = tiffOf({ width: 6, height: 4, channels: 3, levels: words, icc: Buffer.alloc(128, 7) });
    const { image, notes } = await readImage(tiff);
    expect(image.data).toEqual(exactly(words, 65535));
    expect(notes).toEqual(['its colour profile is broken and was ignored']);
  });

  it('a profile of 16-bit grey is ignored, and a note says so', async () => {
    const { icc } = await sharp(await rgb().withIccProfile('p3').png().toBuffer()).metadata();
    const tiff = tiffOf({ width: 6, height: 12, channels: 1, levels: words, icc });
    const { notes } = await readImage(tiff);
    expect(notes).toEqual(['its grey colour profile was ignored, taken for sRGB']);
  });

  it('CMYK becomes sRGB, and white stays white', async () => {
    const cmyk = Uint8Array.of(0, 0, 0, 0, 0, 255, 255, 0);
    const expected = async (data: Uint8Array | Uint16Array) => {
      const read = await readImage(tiffOf({ width: 2, height: 1, channels: 4, levels: data }));
      expect(read.notes).toEqual(['CMYK, converted to sRGB by a common profile']);
      return [...read.image.data];
    };
    const [r, g, b, red, green, blue] = await expected(cmyk);
    expect([r, g, b]).toEqual([1, 1, 1]);
    expect(red).toBeGreaterThan(0.8);
    expect(Math.max(green as number, blue as number)).toBeLessThan(0.3);
    const wide = await expected(Uint16Array.from(cmyk, (level) => level * 257));
    expect(wide).toEqual([r, g, b, red, green, blue]);
    const jpeg = await rgb().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await readImage(jpeg)).notes).toEqual(['CMYK, converted to sRGB by a common profile']);
  });
});

describe('EXIF orientation', () => {
  const { width, height } = picture;
  /** Where the pixel at (x, y) of the upright picture stands in the file. */
  const stored: Record<number, (x: number, y: number) => [number, number]> = {
    1: (x, y) => [x, y],
    2: (x, y) => [width - 1 - x, y],
    3: (x, y) => [width - 1 - x, height - 1 - y],
    4: (x, y) => [x, height - 1 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, height - 1 - x],
    7: (x, y) => [width - 1 - y, height - 1 - x],
    8: (x, y) => [width - 1 - y, x],
  };
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i', async (orientation) => {
    const tiff = tiffOf({ width, height, channels: 3, levels: bytes, orientation });
    const { image, notes } = await readImage(tiff);
    const turned = orientation > 4;
    expect([image.width, image.height]).toEqual(turned ? [height, width] : [width, height]);
    const at = (from: RgbImage, x: number, y: number) => [
      ...from.data.subarray(3 * (y * from.width + x), 3 * (y * from.width + x) + 3),
    ];
    for (let y = 0; y < image.height; y++) {
      for (let x = 0; x < image.width; x++) {
        const [u, v] = stored[orientation]?.(x, y) ?? [0, 0];
        expect(at(image, x, y)).toEqual(at(picture, u, v));
      }
    }
    expect(notes).toEqual(
      orientation === 1 ? [] : [`turned upright, as its EXIF orientation ${orientation} asks`],
    );
  });
  it('of a JPEG too', async () => {
    const { image, notes } = await readImage(await rgb().withMetadata({ orientation: 6 }).jpeg().toBuffer());
    expect([image.width, image.height]).toEqual([height, width]);
    expect(notes).toContain('turned upright, as its EXIF orientation 6 asks');
  });
});

it('of several frames the first is taken', async () => {
  const frames = [noisePicture(6, 4, 1), noisePicture(6, 4, 2)].map((frame) =>
    Uint8Array.from(levelsOf(frame)),
  );
  const stacked = Uint8Array.from(frames.flatMap((frame) => [...frame]));
  const raw = { width: 6, height: 8, channels: 3, pageHeight: 4 } as const;
  const webp = await sharp(stacked, { raw }).webp({ lossless: true }).toBuffer();
  expect((await sharp(webp).metadata()).pages).toBe(2);
  expect(await readImage(webp)).toEqual({ image: picture, notes: ['the first of 2 pages or frames'] });
});

it('a single pixel is a picture', async () => {
  const png = await rawPicture(Uint8Array.of(1, 2, 3), 1, 3)
    .png()
    .toBuffer();
  expect((await readImage(png)).image).toEqual({ width: 1, height: 1, data: exactly([1, 2, 3], 255) });
});
