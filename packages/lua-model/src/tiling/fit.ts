/** The sides of something to be cut into tiles, in units. */
interface Sides {
  readonly height: number;
  readonly width: number;
}

/** The largest core that fits together with its overlaps, a multiple of `step`, and `step` itself where none does. */
export function largestTile(
  { height, width }: Sides,
  { step, overlap }: { readonly step: number; readonly overlap: number },
  fits: (height: number, width: number) => boolean,
): number {
  const read = (size: number, tile: number) => Math.min(size, tile + 2 * overlap);
  for (let tile = Math.ceil(Math.max(height, width) / step) * step; tile > step; tile -= step) {
    if (fits(read(height, tile), read(width, tile))) return tile;
  }
  return step;
}
