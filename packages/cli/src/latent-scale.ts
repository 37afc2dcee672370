import { ShapeError } from '@lua-webgpu/kernels';
import {
  profileOf,
  profiles,
  profilesFor,
  toDecoder,
  toDiffusion,
  type VaeProfile,
} from '@lua-webgpu/lua-model';
import { UsageError } from './errors.ts';
import type { LatentFile } from './latent-file.ts';
import type { Output } from './output.ts';

/** The names that --profile takes. */
export const profileNames: readonly string[] = profiles.map(({ name }) => name);

/** In which scale a latent comes and goes, and what the model gets. */
export interface LatentScale {
  /** For the metadata of the result: that of the input, `unspecified` where nothing says it. */
  readonly name: string;
  /** The VAE family, where something says it. */
  readonly profile: VaeProfile | undefined;
  /** The input's values as the model takes them. */
  toModel(latent: LatentFile): Float32Array;
  /** A result's values in the scale of the input. */
  fromModel(values: Float32Array, shape: readonly number[]): Float32Array;
}

/**
 * Settles the scale from the options and what the file says about itself. Values are converted only where
 * `--latent-scale diffusion` asks for it; a file that says something else gets a warning.
 *
 * @throws UsageError `usage-profile`, ShapeError `latent-channels` where the profile has another number of channels
 */
export function latentScale(
  wanted: { readonly scale: string | undefined; readonly profile: string | undefined },
  latent: LatentFile,
  source: string,
  output: Output,
): LatentScale {
  const stated = latent.metadata.get('latent_scale');
  if (wanted.scale === undefined && stated === 'diffusion') {
    output.warn(
      `${source} says that it is in the diffusion scale; nothing is converted without --latent-scale`,
    );
  }
  if (wanted.scale !== undefined && stated !== undefined && stated !== wanted.scale) {
    output.warn(`${source} says that its scale is ${stated}; --latent-scale ${wanted.scale} overrules it`);
  }
  const profile = profileFor(wanted.profile, latent);
  const name = wanted.scale ?? stated ?? 'unspecified';
  if (wanted.scale !== 'diffusion') {
    return { name, profile, toModel: ({ data }) => data, fromModel: (values) => values };
  }
  if (!profile) {
    throw new UsageError(
      'usage-profile',
      '--latent-scale diffusion needs to know whose factors to convert with',
      `Pass --profile ${profileNames.join('|')}.`,
    );
  }
  return {
    name,
    profile,
    toModel: ({ data, shape }) => toDecoder(data, shape, profile),
    fromModel: (values, shape) => toDiffusion(values, shape, profile),
  };
}

function profileFor(
  wanted: string | undefined,
  { shape, packedShape, metadata }: LatentFile,
): VaeProfile | undefined {
  const channels = shape[1] ?? 0;
  if (wanted !== undefined) {
    const profile = profileOf(wanted);
    if (profile.channels === channels) return profile;
    const fitting = profilesFor(channels).map(({ name }) => name);
    throw new ShapeError(
      'latent-channels',
      `the latent [${shape.join(', ')}] has ${channels} channels, those of ${wanted} have ${profile.channels}`,
      fitting.length > 0
        ? `Pass --profile ${fitting.join(' or ')}.`
        : `The profiles are ${profiles.map((each) => `${each.name} (${each.channels} channels)`).join(', ')}.`,
    );
  }
  const stated = packedShape ? 'flux' : metadata.get('profile');
  return profilesFor(channels).find(({ name }) => name === stated);
}
