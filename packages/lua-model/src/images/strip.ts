import { ShapeError } from '@lua-webgpu/kernels';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphOf } from './font.ts';
import { type RgbImage, requireImage } from './rgb-image.ts';

/** A picture of a strip and what stands beneath it; `\n` begins a new line. */
export interface StripPanel {
  readonly image: RgbImage;
  readonly label: string;
}

/** In units of a font pixel: from a character to the next, from a line to the next, and around pictures and labels. */
const ADVANCE = GLYPH_WIDTH + 1;
const LINE = GLYPH_HEIGHT + 3;
const GAP = 4;
/** A column is at least this much wider than its label, which is more than the gap between two words. */
const LABEL_GAP = 2 * ADVANCE;

/** A line is at most this share of a picture's height. */
const LINE_SHARE = 1 / 12;

/**
 * Sets pictures side by side on white, each with its label beneath. A column is as wide as its picture or its label,
 * whichever is wider, so that labels never meet.
 * @throws ShapeError `image-shape` for no pictures or an empty one
 */
export function labelledStrip(panels: readonly StripPanel[]): RgbImage {
  requireSome(
    'labelledStrip',
    panels.map(({ image }) => image),
  );
  const lines = panels.map(({ label }) => label.split('\n'));
  const unit = textScale(panels, lines);
  const columns = panels.map(({ image }, i) => Math.max(image.width, columnWidth(lines[i] ?? []) * unit));
  const tallest = Math.max(...panels.map(({ image }) => image.height));
  const textHeight = Math.max(...lines.map((each) => each.length)) * LINE * unit;
  const gap = GAP * unit;
  const width = columns.reduce((sum, column) => sum + column + gap, gap);
  const height = gap + tallest + gap + textHeight;
  const data = new Float32Array(3 * width * height).fill(1);
  const strip = { width, height, data };
  let left = gap;
  for (const [i, { image }] of panels.entries()) {
    place(strip, image, left, gap);
    for (const [n, line] of (lines[i] ?? []).entries()) {
      write(strip, line, { left, top: gap + tallest + gap + n * LINE * unit, unit });
    }
    left += (columns[i] as number) + gap;
  }
  return strip;
}

/** Sets pictures beneath each other on white, left-aligned. @throws ShapeError `image-shape` for no pictures or an empty one */
export function stackImages(images: readonly RgbImage[]): RgbImage {
  requireSome('stackImages', images);
  const width = Math.max(...images.map((image) => image.width));
  const height = images.reduce((sum, image) => sum + image.height, 0);
  const stack = { width, height, data: new Float32Array(3 * width * height).fill(1) };
  let top = 0;
  for (const image of images) {
    place(stack, image, 0, top);
    top += image.height;
  }
  return stack;
}

function requireSome(what: string, images: readonly RgbImage[]): void {
  if (images.length === 0) {
    throw new ShapeError('image-shape', `${what}: there are no pictures`, 'Pass at least one.');
  }
  for (const image of images) requireImage(what, image);
}

/** Pixels per font pixel: as large as fits below the pictures without making columns wider, at least 1. */
function textScale(panels: readonly StripPanel[], lines: readonly (readonly string[])[]): number {
  const fitting = panels.map(({ image: { width, height } }, i) =>
    Math.min(width / columnWidth(lines[i] ?? []), (LINE_SHARE * height) / LINE),
  );
  return Math.max(1, Math.floor(Math.min(...fitting)));
}

/** What a label asks for, in font pixels. */
function columnWidth(lines: readonly string[]): number {
  return Math.max(...lines.map((line) => [...line].length * ADVANCE)) + LABEL_GAP;
}

function place(strip: RgbImage, { width, height, data }: RgbImage, left: number, top: number): void {
  for (let y = 0; y < height; y++) {
    strip.data.set(data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * strip.width + left));
  }
}

/** Writes a line of text in black. */
function write(
  strip: RgbImage,
  text: string,
  { left, top, unit }: { readonly left: number; readonly top: number; readonly unit: number },
): void {
  for (const [i, character] of [...text].entries()) {
    for (const [y, row] of glyphOf(character).entries()) {
      for (const [x, ink] of [...row].entries()) {
        if (ink === '#') fillSquare(strip, left + (i * ADVANCE + x) * unit, top + y * unit, unit);
      }
    }
  }
}

function fillSquare({ width, data }: RgbImage, left: number, top: number, side: number): void {
  for (let y = top; y < top + side; y++) data.fill(0, 3 * (y * width + left), 3 * (y * width + left + side));
}
