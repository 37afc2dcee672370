import type { HostLatent, RgbImage } from '@lua-webgpu/lua-model';
import type { Dataset } from '../data/index.ts';
import type { LatentPair } from '../evaluation/index.ts';

/** A held-out sample, or the middle of it. */
export interface Example {
  /** [1, C, h, w] */
  readonly hr: HostLatent;
  /** By scale. */
  readonly pairs: ReadonlyMap<number, LatentPair>;
  /** The photograph's pixels where the dataset has them. */
  readonly pixels: RgbImage | undefined;
}

/**
 * The middle of a sample: HR latents of `crop` pixels a side, a multiple of every scale, and what lies beneath them in
 * the LR latents and in the photograph.
 */
export async function centreOf(
  dataset: Dataset,
  id: number,
  scales: readonly number[],
  crop: number | null,
): Promise<Example> {
  const { pixels: stored, vae } = dataset.index.settings;
  const sample = await dataset.read(id, { scales, pixels: stored });
  const [, side = 0] = sample.hr.shape;
  const size = crop ?? side;
  const step = Math.max(...scales);
  const first = Math.floor((side - size) / 2 / step) * step;
  const hr = cut(sample.hr, first, size);
  const pairs = new Map(
    [...sample.lr].map(([scale, lr]) => [scale, { scale, hr, lr: cut(lr, first / scale, size / scale) }]),
  );
  const pixels =
    sample.pixels && cutPixels(sample.pixels, side * vae.stride, first * vae.stride, size * vae.stride);
  return { hr, pairs, pixels };
}

/** [C, n, n] → [1, C, size, size] */
function cut({ data, shape }: HostLatent, first: number, size: number): HostLatent {
  const [channels = 0, side = 0] = shape;
  const out = new Float32Array(channels * size * size);
  for (let row = 0; row < channels * size; row++) {
    const y = first + (row % size);
    const from = (Math.floor(row / size) * side + y) * side + first;
    out.set(data.subarray(from, from + size), row * size);
  }
  return { data: out, shape: [1, channels, size, size] };
}

/** [side, side, 3] bytes → a picture of `size` pixels a side */
function cutPixels(bytes: Uint8Array, side: number, first: number, size: number): RgbImage {
  const data = new Float32Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    const from = 3 * ((first + y) * side + first);
    for (let i = 0; i < 3 * size; i++) data[3 * y * size + i] = (bytes[from + i] as number) / 255;
  }
  return { width: size, height: size, data };
}
