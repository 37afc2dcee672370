import { createHash } from 'node:crypto';
import type { DatasetSettings, SampleOrigin } from './types.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size of a photograph after it was resized by a factor. */
export function resized({ width, height }: Size, factor: number): Size {
  return { width: Math.round(width * factor), height: Math.round(height * factor) };
}

/** Every crop of a photograph, row by row, whole ones alone; of a photograph below the minimum none. */
export function tilesOf(
  source: string,
  size: Size,
  { crop, stride, min_side, photo_scales }: DatasetSettings,
): SampleOrigin[] {
  if (Math.min(size.width, size.height) < min_side) return [];
  const tiles: SampleOrigin[] = [];
  for (const photo_scale of photo_scales) {
    const { width, height } = resized(size, photo_scale);
    for (let y = 0; y + crop <= height; y += stride) {
      for (let x = 0; x + crop <= width; x += stride) tiles.push({ source, photo_scale, x, y });
    }
  }
  return tiles;
}

/** What tells a crop from all others of a folder. */
export function tileKey({ source, photo_scale, x, y }: SampleOrigin): string {
  return `${source}\n${photo_scale} ${x} ${y}`;
}

/**
 * Which crops to take where there is a limit: those with the smallest hashes, so that they are spread over all
 * photographs, and a higher limit adds to what a lower one took.
 *
 * @param count how many to take of `tiles`
 */
export function selectTiles(tiles: Iterable<SampleOrigin>, count: number): (tile: SampleOrigin) => boolean {
  const ranks = Float64Array.from(tiles, rankOf);
  if (ranks.length <= count) return () => true;
  const threshold = ranks.sort()[count] as number;
  return (tile) => rankOf(tile) < threshold;
}

/** 48 bits: a number that depends on everything about a crop, and on nothing else. */
function rankOf(tile: SampleOrigin): number {
  return createHash('sha256').update(tileKey(tile)).digest().readUIntBE(0, 6);
}
