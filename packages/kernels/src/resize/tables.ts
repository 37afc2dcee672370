/** One output position of a linear map along an axis: `weights` of the source positions from `first` on. */
export interface AxisRow {
  readonly first: number;
  readonly weights: readonly number[];
}

export type ResizeMode = 'bilinear' | 'bicubic';

/**
 * Weights of an axis of `from` positions resized to `to`, as PyTorch's `F.interpolate` has them with
 * `align_corners=False` and the scale `from / to`. Positions outside repeat the edge, which is folded into the weights.
 *
 * With `antialias` the kernel is widened by the scale where that is above 1, cut at the borders and normalised, and the
 * cubic has a = −0.5; without, a = −0.75 (`upsample_bicubic2d`, `_upsample_bicubic2d_aa` of ATen).
 */
export function resizeRows(from: number, to: number, mode: ResizeMode, antialias: boolean): AxisRow[] {
  const scale = from / to;
  const row = antialias ? antialiasedRow : interpolatedRow;
  return Array.from({ length: to }, (_, j) => row(j, from, scale, mode));
}

function interpolatedRow(j: number, from: number, scale: number, mode: ResizeMode): AxisRow {
  const centre = scale * (j + 0.5) - 0.5;
  const at = mode === 'bilinear' ? Math.max(0, centre) : centre;
  const below = Math.floor(at);
  const t = at - below;
  const taps =
    mode === 'bilinear'
      ? [
          [below, 1 - t],
          [below + 1, t],
        ]
      : [-1, 0, 1, 2].map((offset) => [below + offset, cubic(t - offset, -0.75)]);
  return gatherRow(
    taps.map(([position = 0, weight = 0]) => [Math.max(0, Math.min(position, from - 1)), weight]),
  );
}

function antialiasedRow(j: number, from: number, scale: number, mode: ResizeMode): AxisRow {
  const widening = Math.max(1, scale);
  const support = (mode === 'bilinear' ? 1 : 2) * widening;
  const centre = scale * (j + 0.5);
  const first = Math.max(0, Math.trunc(centre - support + 0.5));
  const end = Math.min(from, Math.trunc(centre + support + 0.5));
  const weights: number[] = [];
  for (let position = first; position < end; position++) {
    const distance = (position - centre + 0.5) / widening;
    weights.push(mode === 'bilinear' ? Math.max(0, 1 - Math.abs(distance)) : cubic(distance, -0.5));
  }
  const sum = weights.reduce((a, b) => a + b, 0);
  return { first, weights: weights.map((weight) => weight / sum) };
}

/** The cubic convolution kernel (Keys 1981) with parameter a. */
function cubic(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? a * (((x - 5) * x + 8) * x - 4) : 0;
}

/** A row from weights by position, in any order; those of the same position are added. */
export function gatherRow(taps: readonly (readonly [position: number, weight: number])[]): AxisRow {
  const positions = taps.map(([position]) => position);
  const first = Math.min(...positions);
  const weights = new Array<number>(Math.max(...positions) - first + 1).fill(0);
  for (const [position, weight] of taps)
    weights[position - first] = (weights[position - first] ?? 0) + weight;
  return { first, weights };
}

/**
 * The transpose of a map that reads an axis of `from` positions: for each of these, the weights with which the outputs
 * read it.
 */
export function transposeRows(rows: readonly AxisRow[], from: number): AxisRow[] {
  const readers = Array.from({ length: from }, (): [position: number, weight: number][] => []);
  for (const [j, { first, weights }] of rows.entries()) {
    for (const [t, weight] of weights.entries()) readers[first + t]?.push([j, weight]);
  }
  let before = 0;
  return readers.map((taps) => {
    // Where nothing is read the zero stands beside its neighbours, so that a band of the axis needs no more rows.
    const row = gatherRow(taps.length > 0 ? taps : [[before, 0]]);
    before = row.first;
    return row;
  });
}

/** What the shader reads: as many taps for each row as the longest has, none past the end of the source. */
export function packRows(
  rows: readonly AxisRow[],
  from: number,
): { readonly starts: Uint32Array; readonly weights: Float32Array; readonly taps: number } {
  const taps = Math.max(1, ...rows.map(({ weights }) => weights.length));
  const starts = new Uint32Array(rows.length);
  const packed = new Float32Array(rows.length * taps);
  for (const [j, { first, weights }] of rows.entries()) {
    const start = Math.min(first, from - taps);
    starts[j] = start;
    packed.set(weights, j * taps + first - start);
  }
  return { starts, weights: packed, taps };
}
