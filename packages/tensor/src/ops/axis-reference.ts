import type { Shape } from '../core/index.ts';
import type { NdArray } from './define.ts';

/** Weight of source position `p` in output position `j`. */
export type AxisWeight = (j: number, p: number) => number;

/**
 * Float64 reference of linear maps along H and W of x [B, H, W, C], in the plainest form: every output is a sum over
 * every position of the axis.
 */
export function mapImage(
  x: NdArray,
  rows: { readonly size: number; readonly weight: AxisWeight },
  columns: { readonly size: number; readonly weight: AxisWeight },
): NdArray {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  const wide = mapAxis(x.data, [batch * height, width, channels], columns.size, columns.weight);
  const data = mapAxis(wide, [batch, height, columns.size * channels], rows.size, rows.weight);
  return { shape: [batch, rows.size, columns.size, channels], data };
}

function mapAxis(x: Float64Array, [outer = 0, from = 0, inner = 0]: Shape, to: number, weight: AxisWeight) {
  const out = new Float64Array(outer * to * inner);
  for (let j = 0; j < to; j++) {
    for (let p = 0; p < from; p++) {
      const w = weight(j, p);
      if (w === 0) continue;
      for (let o = 0; o < outer; o++) {
        const at = (o * to + j) * inner;
        const source = (o * from + p) * inner;
        for (let i = 0; i < inner; i++) out[at + i] = (out[at + i] ?? 0) + w * (x[source + i] ?? 0);
      }
    }
  }
  return out;
}
