/** A float32 array with its shape. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** The last axis, which holds groups of `from` values, with groups of `to`: cut or filled with zeros. */
export function regroup(
  { shape, data }: { shape: readonly number[]; data: ArrayLike<number> },
  from: number,
  to: number,
): Values {
  const groups = data.length / from;
  const result = new Float32Array(groups * to);
  for (let group = 0; group < groups; group++) {
    for (let d = 0; d < Math.min(from, to); d++)
      result[group * to + d] = data[group * from + d] ?? Number.NaN;
  }
  return { shape: [...shape.slice(0, -1), ((shape.at(-1) ?? 0) / from) * to], data: result };
}

/** Head dimension that the fast variants take: the next multiple of 4. */
export const paddedDim = (headDim: number): number => Math.ceil(headDim / 4) * 4;

/**
 * The image whose windows, after a roll by −shift, are given: windows [B·(H/w)·(W/w), w², channels] in the order of
 * SwinIR's window_partition.
 */
export function fromWindows(
  windows: ArrayLike<number>,
  [batch = 0, height = 0, width = 0, channels = 0]: readonly number[],
  { window, shift }: { readonly window: number; readonly shift: number },
): Values {
  const data = new Float32Array(batch * height * width * channels);
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let top = 0; top < height; top += window) {
      for (let left = 0; left < width; left += window) {
        for (let token = 0; token < window ** 2; token++) {
          const y = (top + Math.floor(token / window) + shift) % height;
          const x = (left + (token % window) + shift) % width;
          const pixel = ((image * height + y) * width + x) * channels;
          for (let c = 0; c < channels; c++) data[pixel + c] = windows[at++] ?? Number.NaN;
        }
      }
    }
  }
  return { shape: [batch, height, width, channels], data };
}
