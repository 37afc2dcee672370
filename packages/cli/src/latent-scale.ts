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

/** What a latent says about itself, or what is known about it. */
export type StatedLatent = Pick<LatentFile, 'shape' | 'packedShape' | 'metadata'>;

/** The options that say in which scale a latent and a model are. */
export interface WantedScale {
  /** `--latent-scale` */
  readonly scale: string | undefined;
  readonly profile: string | undefined;
  /** `--model-scale` */
  readonly model: string | undefined;
}

export type ScaleName = 'decoder' | 'diffusion' | 'unspecified';

/** In which scale a latent comes and goes, and what the model gets. */
export interface LatentScale {
  /** For the metadata of the result: that of the input, `unspecified` where nothing says it. */
  readonly name: ScaleName;
  /** The VAE family, where something says it. */
  readonly profile: VaeProfile | undefined;
  /** Values in the scale of the input as the model takes them. */
  toModel(values: Float32Array, shape: readonly number[]): Float32Array;
  /** A result's values in the scale of the input. */
  fromModel(values: Float32Array, shape: readonly number[]): Float32Array;
}

/**
 * The scale that a latent is in: what `--latent-scale` says, else its metadata, else `unspecified`. A file that
 * disagrees with the option gets a warning.
 */
export function scaleOf(
  wanted: string | undefined,
  { metadata }: StatedLatent,
  source: string,
  output: Output,
): ScaleName {
  const stated = metadata.get('latent_scale');
  if (wanted !== undefined && stated !== undefined && stated !== wanted) {
    output.warn(`${source} says that its scale is ${stated}; --latent-scale ${wanted} overrules it`);
  }
  const name = wanted ?? stated;
  return name === 'decoder' || name === 'diffusion' ? name : 'unspecified';
}

/** A latent's values as the VAE's decoder takes them; where nothing says their scale they are taken for its own. */
export function forDecoder(
  values: Float32Array,
  shape: readonly number[],
  scale: ScaleName,
  profile: VaeProfile,
): Float32Array {
  return scale === 'diffusion' ? toDecoder(values, shape, profile) : values;
}

/**
 * Settles the scale from the options and what the latent says about itself. Values are converted where the model's
 * scale (`--model-scale`, or the decoder's with `--latent-scale diffusion`) is another than the latent's. Without
 * either option nothing is converted, and a latent in the diffusion scale gets a warning.
 *
 * @throws UsageError `usage-profile`, `usage-scale`; ShapeError `latent-channels` where the profile has another number
 * of channels
 */
export function latentScale(
  wanted: WantedScale,
  latent: StatedLatent,
  source: string,
  output: Output,
): LatentScale {
  const name = scaleOf(wanted.scale, latent, source, output);
  const profile = profileFor(wanted.profile, latent);
  if (wanted.model === undefined && wanted.scale === undefined && name === 'diffusion') {
    output.warn(
      `${source} says that it is in the diffusion scale; nothing is converted without --latent-scale or --model-scale`,
    );
  }
  if (wanted.model !== undefined && name === 'unspecified') {
    throw new UsageError(
      'usage-scale',
      `--model-scale ${wanted.model} needs to know in which scale ${source} is`,
      'Pass --latent-scale decoder or diffusion.',
    );
  }
  const model = wanted.model ?? (wanted.scale === 'diffusion' ? 'decoder' : name);
  if (model === name) {
    return { name, profile, toModel: (values) => values, fromModel: (values) => values };
  }
  if (!profile) {
    throw new UsageError(
      'usage-profile',
      `the latent is in the ${name} scale and the model takes the ${model} scale: whose factors convert it?`,
      `Pass --profile ${profileNames.join('|')}.`,
    );
  }
  const [toModel, fromModel] = model === 'decoder' ? [toDecoder, toDiffusion] : [toDiffusion, toDecoder];
  return {
    name,
    profile,
    toModel: (values, shape) => toModel(values, shape, profile),
    fromModel: (values, shape) => fromModel(values, shape, profile),
  };
}

function profileFor(
  wanted: string | undefined,
  { shape, packedShape, metadata }: StatedLatent,
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
