import { cropImage, labelledStrip, type RgbImage, stackImages } from '@lua-webgpu/lua-model';
import { describe, expect, it } from 'vitest';
import { glyphOf } from '../../../packages/lua-model/src/images/font.ts';
import { inkStretches, noisePicture } from '../../support/pictures.ts';

const grey = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: new Float32Array(width * height * 3).fill(0.5),
});

describe('stackImages', () => {
  it('sets pictures beneath each other, with white beside the narrower', () => {
    const [wide, narrow] = [noisePicture(12, 3, 1), noisePicture(5, 4, 2)];
    const stack = stackImages([wide, narrow]);
    expect([stack.width, stack.height]).toEqual([12, 7]);
    expect(cropImage(stack, { left: 0, top: 0, width: 12, height: 3 })).toEqual(wide);
    expect(cropImage(stack, { left: 0, top: 3, width: 5, height: 4 })).toEqual(narrow);
    const beside = cropImage(stack, { left: 5, top: 3, width: 7, height: 4 });
    expect(beside.data.every((value) => value === 1)).toBe(true);
  });

  it('refuses no pictures', () => {
    expect(() => stackImages([])).toThrow('there are no pictures');
  });
});

describe('labelledStrip', () => {
  it('sets pictures side by side and keeps their pixels', () => {
    const pictures = [noisePicture(120, 40, 1), noisePicture(100, 30, 2)] as const;
    const strip = labelledStrip(pictures.map((image, i) => ({ image, label: `N${i}` })));
    // So small that a font pixel is a pixel: 4 around pictures, 10 for the line of text.
    expect([strip.width, strip.height]).toEqual([4 + 120 + 4 + 100 + 4, 4 + 40 + 4 + 10]);
    expect(cropImage(strip, { left: 4, top: 4, width: 120, height: 40 })).toEqual(pictures[0]);
    expect(cropImage(strip, { left: 128, top: 4, width: 100, height: 30 })).toEqual(pictures[1]);
    const between = cropImage(strip, { left: 124, top: 0, width: 4, height: 48 });
    expect(between.data.every((value) => value === 1)).toBe(true);
  });

  it.each([
    [8, 8],
    [64, 64],
    [640, 200],
  ])('labels of pictures of %i×%i do not meet', (width, height) => {
    const labels = ['BICUBIC LATENT\n19.43 dB', 'LUA ×2\n22.96 dB', 'ORIGINAL'];
    const strip = labelledStrip(labels.map((label) => ({ image: grey(width, height), label })));
    // No ink stands where a picture does, and the last line ends above the lower edge.
    const ink = (y: number) =>
      Array.from({ length: strip.width }, (_, x) => strip.data[3 * (y * strip.width + x)]);
    const inked = Array.from({ length: strip.height }, (_, y) => y).filter((y) => ink(y).includes(0));
    const pictured = Array.from({ length: strip.height }, (_, y) => y).filter((y) => ink(y).includes(0.5));
    expect(pictured).toHaveLength(height);
    expect(Math.min(...inked)).toBeGreaterThan(Math.max(...pictured));
    expect(Math.max(...inked)).toBeLessThan(strip.height - 1);
    // A space inside a label is 7 font pixels wide: less than what lies between two labels.
    const unit = (Math.max(...inked) - Math.min(...inked) + 1) / 17;
    expect(Number.isInteger(unit)).toBe(true);
    const stretches = inkStretches(strip, Math.min(...inked), 7 * unit);
    expect(stretches).toHaveLength(3);
    const columns = Math.max(width, 96 * unit);
    for (const [i, [from, to]] of stretches.entries()) {
      expect(to - from + 1).toBeLessThanOrEqual(columns);
      if (i > 0) expect(from - (stretches[i - 1]?.[1] as number)).toBeGreaterThanOrEqual(12 * unit);
    }
  });

  it('refuses no pictures and empty ones', () => {
    expect(() => labelledStrip([])).toThrow(expect.objectContaining({ code: 'image-shape' }));
    expect(() => labelledStrip([{ image: grey(0, 0), label: '' }])).toThrow(
      expect.objectContaining({ code: 'image-shape' }),
    );
  });
});

describe('the font', () => {
  const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789d×.,-+():/∞ '];
  it('has seven lines of five for each character, no two alike', () => {
    for (const character of characters) {
      const glyph = glyphOf(character);
      expect(glyph, character).toHaveLength(7);
      for (const line of glyph) expect(line, character).toMatch(/^[.#]{5}$/);
    }
    expect(new Set(characters.map((character) => glyphOf(character).join())).size).toBe(characters.length);
  });
  it('draws small letters as capitals and what it lacks as a box', () => {
    expect(glyphOf('a')).toBe(glyphOf('A'));
    expect(glyphOf('d')).not.toBe(glyphOf('D'));
    expect(glyphOf('é')[0]).toBe('#####');
  });
});
