/** Large inputs in overlapping tiles whose results are blended. */

export { cutAxis, type Span } from './axis.ts';
export { requireFinite } from './finite.ts';
export { largestTile } from './fit.ts';
export { pieceSizes, runTiles, type TileProgress, type TileSize } from './run.ts';
