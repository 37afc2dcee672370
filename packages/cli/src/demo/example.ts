import { join } from 'node:path';
import type { Device } from '@lua-webgpu/kernels';
import { centreCrop, type Lua, type RgbImage, readImage, type StripPanel } from '@lua-webgpu/lua-model';
import { psnr } from '@lua-webgpu/train';
import type { CommandContext } from '../command.ts';
import { decibels, resizeLatent } from '../comparison.ts';
import { Stopwatch } from '../device.ts';
import { readLatent } from '../latent-file.ts';
import { upscaleOnDevice } from '../upscaling.ts';
import type { HostVae } from '../vae.ts';
import { type DemoGolden, goldenError } from './data.ts';

/** What the demonstration works with. */
export interface DemoSetting {
  readonly device: Device;
  readonly model: Lua;
  readonly vae: HostVae;
  readonly folder: string;
  readonly golden: DemoGolden;
  readonly context: CommandContext;
}

/** One latent upscaled: LUA's picture and what is known about it. */
export interface Upscaled {
  readonly picture: RgbImage;
  readonly report: {
    readonly latent: string;
    readonly scale: number;
    readonly input: readonly number[];
    readonly shape: readonly number[];
    /** In dB beside the photograph. */
    readonly psnr: { readonly bicubicLatent: number; readonly lua: number };
    readonly ms: { readonly upscale: number; readonly decode: number };
    /** Difference from PyTorch's result, relative to its maximum. */
    readonly error: number;
    readonly passed: boolean;
  };
  readonly panels: readonly StripPanel[];
}

/** Side of the photographs and of every result. */
const SIDE = 512;
/** What the strip shows of them, pixel by pixel. */
const SHOWN = 256;

export async function readPhotograph(folder: string, name: string): Promise<RgbImage> {
  return (await readImage(join(folder, `${name}.jpg`))).image;
}

/** Upscales the latent of a photograph's smaller version, decodes it, and compares it with the photograph. */
export async function upscaleExample(
  { device, model, vae, folder, golden, context }: DemoSetting,
  name: string,
  photograph: RgbImage,
  scale: number,
): Promise<Upscaled> {
  const source = `${name}-${SIDE / scale}`;
  const latent = await readLatent(join(folder, `${source}.safetensors`));
  const watch = new Stopwatch();
  const result = await upscaleOnDevice(device, model, latent, { scale, label: source }, context, watch);
  const picture = await watch.time('decode', () => vae.decode(result));
  const bicubic = await vae.decode(await resizeLatent(device, latent, scale));
  const expected = golden.results[source];
  const error = expected ? goldenError(expected, result) : Number.POSITIVE_INFINITY;
  const measured = { bicubicLatent: psnr(bicubic, photograph), lua: psnr(picture, photograph) };
  const { upscale = 0, decode = 0 } = watch.report();
  return {
    picture,
    report: {
      latent: source,
      scale,
      input: latent.shape,
      shape: result.shape,
      psnr: measured,
      ms: { upscale, decode },
      error,
      passed: error <= golden.tolerance,
    },
    panels: [
      panel(`LATENT, BICUBIC ×${scale}\n${decibels(measured.bicubicLatent)}`, bicubic),
      panel(`LUA ×${scale}\n${decibels(measured.lua)}`, picture),
    ],
  };
}

/** A picture's centre at its own size, with its label. */
export function panel(label: string, image: RgbImage): StripPanel {
  return { label, image: centreCrop(image, SHOWN, SHOWN) };
}

/** The photograph's own latent, decoded: what the decoder can show at best. */
export async function decodeReference({ vae, folder }: DemoSetting, name: string): Promise<RgbImage> {
  return await vae.decode(await readLatent(join(folder, `${name}-${SIDE}.safetensors`)));
}
