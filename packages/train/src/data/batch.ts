import type { HostLatent } from '@lua-webgpu/lua-model';
import type { Batch, Sample } from './types.ts';

/** A sample and where it is cropped. */
export interface PlacedSample {
  readonly sample: Sample;
  /** Origin of the crop in the HR latent. */
  readonly origin: readonly [y: number, x: number];
}

/** Stacks crops of samples: `crop` HR latent pixels a side, and what lies beneath them in LR latents and pixels. */
export function stackBatch(placed: readonly PlacedSample[], crop: number, stride: number): Batch {
  const [first] = placed;
  const scales = [...(first?.sample.lr.keys() ?? [])];
  const lr = scales.map((scale) => {
    const latents = placed.map(({ sample, origin: [y, x] }) => {
      return { latent: sample.lr.get(scale) as HostLatent, y: y / scale, x: x / scale };
    });
    return [scale, stackLatents(latents, crop / scale)] as const;
  });
  return {
    ids: placed.map(({ sample }) => sample.id),
    origins: placed.map(({ origin }) => origin),
    hr: stackLatents(
      placed.map(({ sample, origin: [y, x] }) => ({ latent: sample.hr, y, x })),
      crop,
    ),
    lr: new Map(lr),
    pixels: first?.sample.pixels && stackPixels(placed, crop * stride, stride),
  };
}

interface PlacedLatent {
  readonly latent: HostLatent;
  readonly y: number;
  readonly x: number;
}

function stackLatents(placed: readonly PlacedLatent[], crop: number): HostLatent {
  const [channels = 0] = placed[0]?.latent.shape ?? [];
  const data = new Float32Array(placed.length * channels * crop * crop);
  let at = 0;
  for (const { latent, y, x } of placed) {
    const [, height = 0, width = 0] = latent.shape;
    for (let row = 0; row < channels * crop; row++) {
      const from = (Math.floor(row / crop) * height + y + (row % crop)) * width + x;
      data.set(latent.data.subarray(from, from + crop), at);
      at += crop;
    }
  }
  return { data, shape: [placed.length, channels, crop, crop] };
}

/** [H, W, 3] bytes → [B, 3, crop, crop] in [0, 1]. */
function stackPixels(placed: readonly PlacedSample[], crop: number, stride: number): HostLatent {
  const data = new Float32Array(placed.length * 3 * crop * crop);
  for (const [b, { sample, origin }] of placed.entries()) {
    const { pixels } = sample;
    if (!pixels) throw new TypeError('one sample of a batch has no pixels');
    const width = Math.sqrt(pixels.length / 3);
    const [top, left] = [origin[0] * stride, origin[1] * stride];
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < crop; y++) {
        const to = ((3 * b + c) * crop + y) * crop;
        const from = 3 * ((top + y) * width + left) + c;
        for (let x = 0; x < crop; x++) data[to + x] = (pixels[from + 3 * x] as number) / 255;
      }
    }
  }
  return { data, shape: [placed.length, 3, crop, crop] };
}
