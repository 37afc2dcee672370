/** A stretch of one axis: what a tile is responsible for, and what it reads. In latent pixels. */
export interface Span {
  /** First pixel read and one past the last. */
  readonly from: number;
  readonly to: number;
  /** Share of each read pixel in the result, at `scale` samples per pixel. */
  weights(scale: number): Float32Array;
}

/**
 * Cuts an axis into cores of `tile` pixels, each read with `overlap` pixels more on inner sides.
 *
 * Around a border between two cores the results are mixed over `overlap` pixels, half of them on each side, by a
 * smooth step; the outer half of the overlap, where a network sees too little context, is discarded. The weights of
 * all spans add up to 1 everywhere.
 *
 * @param size of the axis, ≥ 1
 * @param tile core size, a multiple of the window so that windows fall where they do in the whole
 * @param overlap extra pixels read, a multiple of the window too
 */
export function cutAxis(size: number, tile: number, overlap: number): Span[] {
  const spans: Span[] = [];
  for (let core = 0; core < size; core += tile) {
    const end = Math.min(core + tile, size);
    const from = Math.max(0, core - overlap);
    const to = Math.min(size, end + overlap);
    const rise = core > 0 ? core : undefined;
    const fall = end < size ? end : undefined;
    spans.push({
      from,
      to,
      weights: (scale) =>
        Float32Array.from({ length: (to - from) * scale }, (_, i) => {
          const at = from + (i + 0.5) / scale;
          const risen = rise === undefined ? 1 : smoothStep((at - rise) / overlap + 0.5);
          const fallen = fall === undefined ? 0 : smoothStep((at - fall) / overlap + 0.5);
          return risen - fallen;
        }),
    });
  }
  return spans;
}

/** 0 below 0, 1 above 1, 3t² − 2t³ between. */
function smoothStep(t: number): number {
  const clamped = Math.min(1, Math.max(0, t));
  return clamped * clamped * (3 - 2 * clamped);
}
