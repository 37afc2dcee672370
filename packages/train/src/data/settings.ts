import { FileError, ShapeError } from '@lua-webgpu/kernels';
import type { DatasetSettings, Encoder } from './types.ts';

/** How photographs become samples. */
export interface TilingOfPhotos {
  /** Side of the square crops in pixels; 512. */
  readonly crop?: number | undefined;
  /** Pixels between the origins of neighbouring crops; `crop`, so that they do not overlap. */
  readonly stride?: number | undefined;
  /** Photographs with a shorter side are left out; 1440. */
  readonly minSide?: number | undefined;
  /** [2, 4] */
  readonly scales?: readonly number[] | undefined;
  /** Factors by which each photograph is resized before it is cropped; [1]. */
  readonly photoScales?: readonly number[] | undefined;
  /** F16 halves the size of the files; F32 by default. */
  readonly dtype?: 'F32' | 'F16' | undefined;
  /** Whether the crops are kept beside their latents, for losses against the photographs. */
  readonly pixels?: boolean | undefined;
}

/** @throws ShapeError `prepare-options` */
export function settingsOf(encoder: Encoder, options: TilingOfPhotos): DatasetSettings {
  const { crop = 512, stride = crop, minSide = 1440, dtype = 'F32', pixels = false } = options;
  const scales = [...(options.scales ?? [2, 4])].sort((a, b) => a - b);
  const photo_scales = [...(options.photoScales ?? [1])];
  const whole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;
  const unit = encoder.stride * Math.max(...scales);
  const problem =
    (scales.length === 0 && 'no scale is named') ||
    (!scales.every((scale) => whole(scale, 2)) && `a scale of ${scales.join(', ')}`) ||
    (new Set(scales).size < scales.length && `a scale stands twice in ${scales.join(', ')}`) ||
    (scales.some((scale) => Math.max(...scales) % scale !== 0) &&
      `the scales ${scales.join(', ')} do not divide each other`) ||
    (!(whole(crop, 1) && crop % unit === 0) &&
      `crops of ${crop} pixels are no multiple of ${unit}, which is an LR latent pixel`) ||
    (!whole(stride, 1) && `a stride of ${stride}`) ||
    (!whole(minSide, 0) && `a minimum side of ${minSide}`) ||
    ((photo_scales.length === 0 || !photo_scales.every((factor) => factor > 0 && factor <= 4)) &&
      `photographs resized by ${photo_scales.join(', ')}`) ||
    (new Set(photo_scales).size < photo_scales.length &&
      `a factor stands twice in ${photo_scales.join(', ')}`);
  if (problem) {
    throw new ShapeError(
      'prepare-options',
      `data cannot be prepared with ${problem}`,
      'Defaults are crops of 512 pixels beside each other, a minimum side of 1440, scales 2 and 4, photographs as they are.',
    );
  }
  const { profile, channels, files } = encoder;
  const vae = { profile, channels, stride: encoder.stride, files };
  return { vae, crop, stride, min_side: minSide, scales, photo_scales, dtype, pixels };
}

/**
 * Refuses to add samples to a folder that was prepared otherwise.
 * @throws FileError `dataset-settings`, which names what differs
 */
export function requireSameSettings(folder: string, before: DatasetSettings, now: DatasetSettings): void {
  const differences = Object.keys(now).flatMap((key) => {
    if (key === 'vae') return vaeDifferences(before.vae, now.vae);
    const [was, is] = [before, now].map((settings) => JSON.stringify(settings[key as keyof DatasetSettings]));
    return was === is ? [] : [`${key} was ${was}, now ${is}`];
  });
  if (differences.length === 0) return;
  throw new FileError(
    'dataset-settings',
    `${folder} was prepared with other settings: ${differences.join('; ')}`,
    'Use the same settings to add to it, or another folder.',
  );
}

function vaeDifferences(before: DatasetSettings['vae'], now: DatasetSettings['vae']): string[] {
  const differences = (['profile', 'channels', 'stride'] as const).flatMap((key) =>
    before[key] === now[key] ? [] : [`${key} of the VAE was ${before[key]}, now ${now[key]}`],
  );
  // The same files under other names are the same VAE.
  const hashes = (files: Readonly<Record<string, string>>) => Object.values(files).sort().join();
  if (hashes(before.files) === hashes(now.files)) return differences;
  const named = (files: Readonly<Record<string, string>>) =>
    Object.entries(files)
      .map(([name, sha256]) => `${name} (SHA-256 ${sha256.slice(0, 12)}…)`)
      .join(', ');
  return [...differences, `the VAE was ${named(before.files)}, now ${named(now.files)}`];
}
