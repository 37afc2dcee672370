import type { Device } from '@lua-webgpu/kernels';
import {
  centreCrop,
  encodeTiled,
  type HostLatent,
  imageToTensor,
  type Lua,
  type RgbImage,
  resizeImage,
  tensorToImage,
  type Vae,
} from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { colourShift, psnr, ssim, ssimY } from '../metrics/index.ts';
import { baselines, diffusionLuaUpscaler, type LatentPair, luaUpscaler, type Upscaler } from './upscalers.ts';

/** How close a picture is to another. */
export interface Closeness {
  /** dB, on 8 bits, RGB. */
  readonly psnr: number;
  readonly ssim: number;
  /** On the luma. */
  readonly ssimY: number;
}

/** What one way of upscaling gave for one photograph. */
export interface Measured {
  /** Beside the photograph. */
  readonly original: Closeness;
  /** Beside D(z_HR), the photograph encoded and decoded. */
  readonly decoded: Closeness;
  /** Mean of result − photograph in R, G and B, in levels of 8 bits: a shift of the colours. */
  readonly colourShift: readonly number[];
  /** Mean |ẑ − z_HR|; null for ways that make no latent. */
  readonly l1Latent: number | null;
  /** Upscaling and decoding together. */
  readonly seconds: number;
}

/** One photograph, by the name of the way of upscaling. */
export interface PhotoResult {
  readonly photo: string;
  readonly width: number;
  readonly height: number;
  readonly measured: Readonly<Record<string, Measured>>;
  /** The latents, for statistics: [1, C, h, w]. */
  readonly latents: { readonly lr: HostLatent; readonly hr: HostLatent; readonly lua: HostLatent };
}

export interface EvaluateOptions {
  readonly scale: number;
  /** Side of the centre crop in pixels; where a side of the photograph is smaller, that side. */
  readonly crop: number;
  /** The scale of the latents that the model was trained on; default `decoder`. */
  readonly modelScale?: 'decoder' | 'diffusion' | undefined;
  /** Encodes the photographs in place of `vae`, which may have no encoder of its own. */
  readonly encoder?: Vae | undefined;
}

/**
 * Evaluates a model on one photograph: its centre, made smaller by antialiased bicubic resampling of the pixels, both
 * encoded; the network and every baseline then start from the small latent.
 *
 * @param vae decodes, and encodes unless `encoder` does
 * @throws ShapeError `image-small`, `scale-missing`, `latent-channels`
 */
export async function evaluatePhoto(
  device: Device,
  model: Lua,
  vae: Vae,
  photo: { readonly name: string; readonly image: RgbImage },
  { scale, crop, modelScale = 'decoder', encoder = vae }: EvaluateOptions,
): Promise<PhotoResult> {
  const original = centre(photo.image, crop, vae.stride * scale);
  const { width, height } = original;
  const pair: LatentPair = {
    scale,
    hr: await encode(device, encoder, original),
    lr: await encode(device, encoder, resizeImage(original, width / scale, height / scale)),
  };
  const lua = modelScale === 'diffusion' ? diffusionLuaUpscaler : luaUpscaler;
  const ways: Record<string, Upscaler> = { lua: lua(model, vae), ...baselines(vae) };
  const made = new Map<string, { image: RgbImage; latent: HostLatent | undefined; seconds: number }>();
  for (const [name, way] of Object.entries(ways)) {
    using scope = openScope(device);
    const begin = performance.now();
    const { pixels, latent } = await way(scope, pair);
    const image = await tensorToImage(pixels);
    const seconds = (performance.now() - begin) / 1000;
    made.set(name, {
      image,
      seconds,
      latent: latent && { data: await latent.readFloats(), shape: latent.shape },
    });
  }
  const decoded = made.get('round_trip')?.image as RgbImage;
  const upscaled = made.get('lua')?.latent as HostLatent;
  const measured = [...made].map(([name, { image, latent, seconds }]): [string, Measured] => [
    name,
    {
      original: closeness(image, original),
      decoded: closeness(image, decoded),
      colourShift: colourShift(image, original),
      l1Latent: latent ? meanDifference(latent.data, pair.hr.data) : null,
      seconds,
    },
  ]);
  return {
    photo: photo.name,
    width,
    height,
    measured: Object.fromEntries(measured),
    latents: { ...pair, lua: upscaled },
  };
}

/** The centre, with sides that are multiples of `multiple`. */
function centre(image: RgbImage, crop: number, multiple: number): RgbImage {
  const side = (length: number) => Math.floor(Math.min(length, crop) / multiple) * multiple;
  return centreCrop(image, side(image.width), side(image.height));
}

async function encode(device: Device, vae: Vae, image: RgbImage): Promise<HostLatent> {
  using scope = openScope(device);
  const latent = await encodeTiled(vae, imageToTensor(scope, image));
  return { data: await latent.readFloats(), shape: latent.shape };
}

const closeness = (image: RgbImage, reference: RgbImage): Closeness => ({
  psnr: psnr(image, reference),
  ssim: ssim(image, reference),
  ssimY: ssimY(image, reference),
});

/** Mean |a − b|. */
export function meanDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;
}
