import { basename } from 'node:path';
import type { AdapterDescription, Device } from '@lua-webgpu/kernels';
import type { HostLatent, RgbImage, VaePart } from '@lua-webgpu/lua-model';
import type { CommandContext } from './command.ts';
import { type Comparison, compare, fitOriginal } from './comparison.ts';
import type { Stopwatch } from './device.ts';
import type { LatentFile } from './latent-file.ts';
import { forDecoder, type LatentScale, latentScale } from './latent-scale.ts';
import { openModel, type WeightsOrigin } from './model.ts';
import { fitToStride, type Photo } from './photos.ts';
import { partsOf, type UpscaleJob, type UpscaleSources } from './upscale-job.ts';
import { upscaleOnDevice } from './upscaling.ts';
import { HostVae, requireDecodable } from './vae.ts';

/** What every step of a job works with. */
export interface UpscaleRun {
  readonly device: Device;
  readonly job: UpscaleJob;
  readonly context: CommandContext;
  /** Phases `load`, `encode`, `upscale`, `read`, `decode`, `compare`. */
  readonly watch: Stopwatch;
}

/** A latent to upscale, and the photo that it was made of, as far as it was encoded. */
interface UpscaleInput {
  readonly latent: LatentFile;
  readonly photo: RgbImage | undefined;
}

export interface UpscaleResult extends UpscaleInput {
  readonly adapter: AdapterDescription;
  readonly weights: WeightsOrigin;
  readonly vae: object | null;
  readonly scale: LatentScale;
  /** In the scale of `latent`. */
  readonly upscaled: HostLatent;
  readonly pictures: Pictures | undefined;
  readonly peakBytes: number;
}

export interface Pictures {
  /** Of the upscaled latent. */
  readonly picture: RgbImage;
  readonly comparison: Comparison | undefined;
}

/** Encodes what is a photo, upscales, and decodes once where a picture is wanted. */
export async function runUpscale(run: UpscaleRun, sources: UpscaleSources): Promise<UpscaleResult> {
  const { device, job, context, watch } = run;
  const { output } = context;
  const parts = partsOf(job);
  using vae = job.vae === undefined ? undefined : await openVae(run, job.vae, parts);
  const input = await latentOf(run, vae, sources.input);
  const { latent } = input;
  const decodes = parts.includes('decoder');
  if (vae && decodes) requireDecodable(vae.network, latent, job.input, output);
  const original =
    vae && sources.original && fitToResult(sources.original, latent, vae.network.stride, job.scale);
  const wanted = { scale: job.latentScale, profile: job.profile, model: job.modelScale };
  const scale = latentScale(wanted, latent, job.input, output);

  const { model, weights } = await watch.time('load', () => openModel(device, job, latent.shape[1] ?? 0));
  if (!weights.trained) {
    output.warn(
      `${weights.name}: this model is UNTRAINED and its output meaningless; --weights names a real one`,
    );
  }
  const { shape } = latent;
  const { scale: factor, tile, overlap, bound } = job;
  const options = { scale: factor, tile, overlap, bound, label: 'upscaling' };
  const values = { data: scale.toModel(latent.data, shape), shape };
  const result = await upscaleOnDevice(device, model, values, options, context, watch);
  const upscaled = { data: scale.fromModel(result.data, result.shape), shape: result.shape };
  const pictures =
    vae && decodes ? await makePictures(run, vae, { ...input, scale, upscaled, original }) : undefined;
  return {
    ...input,
    adapter: device.adapter,
    weights,
    vae: vae?.describe() ?? null,
    scale,
    upscaled,
    pictures,
    peakBytes: device.memory().peak,
  };
}

function openVae(
  { device, job, context, watch }: UpscaleRun,
  path: string,
  parts: readonly VaePart[],
): Promise<HostVae> {
  return watch.time('load', () => HostVae.open(device, { path, profile: job.profile }, parts, context));
}

/** The latent that came in, or that of the photo; a photo comes with a VAE, as `checkJob` has seen to. */
async function latentOf(
  { job, context, watch }: UpscaleRun,
  vae: HostVae | undefined,
  input: LatentFile | Photo,
): Promise<UpscaleInput> {
  if (!('image' in input)) return { latent: input, photo: undefined };
  if (!vae) throw new Error(`a photo without a VAE: ${job.input}`);
  const photo = fitToStride(input, vae.network.stride, context.output);
  const latent = await watch.time('encode', () => vae.encode(photo));
  const metadata = new Map([
    ['latent_scale', 'decoder'],
    ['profile', vae.network.profile.name],
    ['source', basename(job.input)],
  ]);
  return { latent: { ...latent, dtype: 'F32', packedShape: undefined, metadata }, photo };
}

function fitToResult(original: Photo, { shape }: LatentFile, stride: number, scale: number): RgbImage {
  const [, , height = 0, width = 0] = shape;
  const factor = stride * scale;
  return fitOriginal(original, { width: factor * width, height: factor * height }, factor);
}

/** What pictures are made of. */
interface PictureSource extends UpscaleInput {
  readonly scale: LatentScale;
  readonly upscaled: HostLatent;
  readonly original: RgbImage | undefined;
}

/** The one decode of the result, and what it is compared with. */
async function makePictures(
  { device, job, watch }: UpscaleRun,
  vae: HostVae,
  { latent, photo, scale, upscaled, original }: PictureSource,
): Promise<Pictures> {
  const ready = ({ data, shape }: HostLatent) => {
    return { data: forDecoder(data, shape, scale.name, vae.network.profile), shape };
  };
  const picture = await watch.time('decode', () => vae.decode(ready(upscaled)));
  if (job.compare === undefined) return { picture, comparison: undefined };
  const sides = { photo, latent: ready(latent), result: picture, original, scale: job.scale };
  return { picture, comparison: await watch.time('compare', () => compare(vae, device, sides)) };
}
