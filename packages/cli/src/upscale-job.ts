import { resolve } from 'node:path';
import { hasImageExtension, imageFormatOf, type VaePart } from '@lua-webgpu/lua-model';
import { UsageError } from './errors.ts';
import { checkOutput, type LatentFile, readLatent } from './latent-file.ts';
import { checkModelOptions, type ModelSource } from './model.ts';
import type { Output } from './output.ts';
import { type Photo, readPhoto } from './photos.ts';

/** What `upscale` is asked to do. */
export interface UpscaleJob extends ModelSource {
  /** A latent, or a picture where the name ends as a picture's. */
  readonly input: string;
  /** Likewise. */
  readonly out: string;
  readonly scale: number;
  readonly tile: number | undefined;
  readonly overlap: number | undefined;
  readonly bound: number | undefined;
  readonly latentScale: string | undefined;
  readonly modelScale: string | undefined;
  readonly profile: string | undefined;
  readonly size: readonly [number, number] | undefined;
  readonly vae: string | undefined;
  readonly compare: string | undefined;
  readonly original: string | undefined;
  readonly maxPixels: number | undefined;
}

/** Whether a job's OUT is a picture, and no latent. */
export function makesPicture({ out }: UpscaleJob): boolean {
  return hasImageExtension(out);
}

/** The parts of a VAE that a job needs; none where latents go in and come out. */
export function partsOf(job: UpscaleJob): VaePart[] {
  const { input, compare } = job;
  return [
    ...(hasImageExtension(input) ? (['encoder'] as const) : []),
    ...(makesPicture(job) || compare !== undefined ? (['decoder'] as const) : []),
  ];
}

/**
 * Checks, before anything is read, that the options go together and that the results can be written.
 * @throws UsageError `usage-*`, FileError `image-extension`, `file-unwritable`
 */
export async function checkJob(job: UpscaleJob): Promise<void> {
  checkModelOptions(job);
  const { input, out, vae, compare, original, weights, config } = job;
  const parts = partsOf(job);
  if (parts.length > 0 && vae === undefined) {
    const picture = parts.includes('encoder') ? input : (compare ?? out);
    throw new UsageError('usage-vae', `${picture} is a picture, and no VAE is named`, 'Pass --vae PATH.');
  }
  if (parts.length === 0 && vae !== undefined) {
    throw new UsageError(
      'usage-vae',
      'a latent goes in and a latent comes out: nothing needs --vae',
      'Leave --vae out, or end --out with .png for a picture.',
    );
  }
  if (original !== undefined && compare === undefined) {
    throw new UsageError('usage-original', '--original is for --compare', 'Pass --compare FILE.png too.');
  }
  if (parts.includes('encoder')) checkPhotoOptions(job);
  if (compare !== undefined) imageFormatOf(compare);
  const inputs = [input, weights, config, vae, original];
  await checkOutput(out, inputs);
  if (compare === undefined) return;
  await checkOutput(compare, inputs);
  if (resolve(compare) === resolve(out)) {
    throw new UsageError('usage-out-is-compare', `--out and --compare are both ${out}`, 'Name two files.');
  }
}

/** Options about a latent that comes in. */
function checkPhotoOptions({ input, size, latentScale }: UpscaleJob): void {
  if (size !== undefined) {
    throw new UsageError(
      'usage-size',
      `--size is for packed latents, and ${input} is a picture`,
      'Leave it out.',
    );
  }
  if (latentScale !== undefined) {
    throw new UsageError(
      'usage-scale',
      `--latent-scale is for latents, and ${input} is a picture`,
      'Leave it out; --model-scale says what the model takes.',
    );
  }
}

/** What a job reads before the GPU is opened. */
export interface UpscaleSources {
  readonly input: LatentFile | Photo;
  readonly original: Photo | undefined;
}

/** @throws as `readPhoto` and `readLatent` */
export async function readSources(job: UpscaleJob, output: Output): Promise<UpscaleSources> {
  const { input, original, size, maxPixels } = job;
  return {
    input: hasImageExtension(input)
      ? await readPhoto(input, { maxPixels }, output)
      : await readLatent(input, size),
    original: original === undefined ? undefined : await readPhoto(original, { maxPixels }, output),
  };
}
