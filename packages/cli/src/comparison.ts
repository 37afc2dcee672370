import type { Device } from '@lua-webgpu/kernels';
import {
  cropImage,
  type HostLatent,
  labelledStrip,
  type RgbImage,
  resizeImage,
  type StripPanel,
} from '@lua-webgpu/lua-model';
import { openScope, resize2d, toChannelsFirst, toChannelsLast } from '@lua-webgpu/tensor';
import { psnr } from '@lua-webgpu/train';
import { UsageError } from './errors.ts';
import { type Photo, sizeText } from './photos.ts';
import type { HostVae } from './vae.ts';

export interface ComparisonSource {
  /** The photo that came in; without it the latent is decoded. */
  readonly photo: RgbImage | undefined;
  /** The latent that came in, decoder-ready. */
  readonly latent: HostLatent;
  /** What LUA and the decoder made of it. */
  readonly result: RgbImage;
  /** What the result should look like, of its size. */
  readonly original: RgbImage | undefined;
  readonly scale: number;
}

export interface Comparison {
  /** The pictures side by side, labelled. */
  readonly strip: RgbImage;
  /** In dB against the original, of `bicubic`, `bicubicLatent` and `lua`; null without one. */
  readonly psnr: Readonly<Record<string, number>> | null;
}

/**
 * LUA's result beside what a latent upscaler is judged against: the input resized bicubically, and the latent resized
 * bicubically and decoded; and the original where it is known, with the PSNR of each.
 */
export async function compare(
  vae: HostVae,
  device: Device,
  { photo, latent, result, original, scale }: ComparisonSource,
): Promise<Comparison> {
  const input = photo ?? (await vae.decode(latent));
  const panels: Record<string, StripPanel> = {
    bicubic: {
      label: `INPUT, BICUBIC ×${scale}`,
      image: resizeImage(input, input.width * scale, input.height * scale),
    },
    bicubicLatent: {
      label: `LATENT, BICUBIC ×${scale}`,
      image: await vae.decode(await resizeLatent(device, latent, scale)),
    },
    lua: { label: `LUA ×${scale}`, image: result },
  };
  if (original === undefined) return { strip: labelledStrip(Object.values(panels)), psnr: null };
  const figures = Object.entries(panels).map(([name, { image }]) => [name, psnr(image, original)] as const);
  const measured = Object.values(panels).map(({ label, image }, i): StripPanel => {
    return { image, label: `${label}\n${decibels(figures[i]?.[1] ?? Number.NaN)}` };
  });
  return {
    strip: labelledStrip([...measured, { label: 'ORIGINAL', image: original }]),
    psnr: Object.fromEntries(figures),
  };
}

/** `23.49 dB` */
export function decibels(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)} dB` : '∞ dB';
}

/** A latent ×scale by PyTorch's `F.interpolate(mode='bicubic')`, the usual floor for latent upscalers. */
export async function resizeLatent(
  device: Device,
  { data, shape }: HostLatent,
  scale: number,
): Promise<HostLatent> {
  const [, , height = 0, width = 0] = shape;
  using scope = openScope(device);
  const size = { height: scale * height, width: scale * width, mode: 'bicubic' } as const;
  const resized = toChannelsFirst(resize2d(toChannelsLast(scope.tensor(data, shape)), size));
  return { data: await resized.readFloats(), shape: resized.shape };
}

/**
 * The original cut to the size of the result, which is smaller by less than `slack` where the input was cropped.
 * @throws UsageError `usage-original`
 */
export function fitOriginal(
  { path, image }: Photo,
  { width, height }: { readonly width: number; readonly height: number },
  slack: number,
): RgbImage {
  const fits = (own: number, wanted: number) => own >= wanted && own - wanted < slack;
  if (fits(image.width, width) && fits(image.height, height)) {
    return cropImage(image, { left: 0, top: 0, width, height });
  }
  throw new UsageError(
    'usage-original',
    `${path} has ${sizeText(image)}, the result will have ${sizeText({ width, height })}`,
    'Pass the picture that IN is a smaller version of.',
  );
}
