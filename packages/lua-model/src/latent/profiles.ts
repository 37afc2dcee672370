import { ShapeError } from '@lua-webgpu/kernels';

/**
 * How the latents of a VAE family are scaled. Diffusion models work on `latent = (z − shiftFactor) · scalingFactor`; the
 * decoder, and LUA, on `z = latent / scalingFactor + shiftFactor`. Factors as in the VAEs' published configurations.
 */
export interface VaeProfile {
  readonly name: 'flux' | 'sd3' | 'sdxl' | 'sd1';
  readonly channels: number;
  readonly scalingFactor: number;
  readonly shiftFactor: number;
}

export const profiles: readonly VaeProfile[] = [
  { name: 'flux', channels: 16, scalingFactor: 0.3611, shiftFactor: 0.1159 },
  { name: 'sd3', channels: 16, scalingFactor: 1.5305, shiftFactor: 0.0609 },
  { name: 'sdxl', channels: 4, scalingFactor: 0.13025, shiftFactor: 0 },
  { name: 'sd1', channels: 4, scalingFactor: 0.18215, shiftFactor: 0 },
];

function listed(): string {
  return profiles.map(({ name, channels }) => `${name} (${channels} channels)`).join(', ');
}

/**
 * The profile of this name.
 *
 * @throws ShapeError `attribute-profile` for a name that none has.
 */
export function profileOf(name: string): VaeProfile {
  const profile = profiles.find((each) => each.name === name);
  if (profile) return profile;
  throw new ShapeError(
    'attribute-profile',
    `there is no VAE profile ${JSON.stringify(name)}`,
    `Use one of ${listed()}.`,
  );
}

/** The profiles whose latents have so many channels; empty where none has. */
export function profilesFor(channels: number): readonly VaeProfile[] {
  return profiles.filter((profile) => profile.channels === channels);
}

/**
 * A latent [B, C, h, w] in the scale of the decoder, out of one in the scale of the diffusion model. Rounded once.
 *
 * @throws ShapeError `latent-shape` where shape and data do not fit, `latent-channels` where C is not the profile's.
 */
export function toDecoder(data: Float32Array, shape: readonly number[], profile: VaeProfile): Float32Array {
  checkLatent(data, shape, profile);
  const { scalingFactor, shiftFactor } = profile;
  return data.map((value) => value / scalingFactor + shiftFactor);
}

/** The inverse of {@link toDecoder}, with the same errors. */
export function toDiffusion(data: Float32Array, shape: readonly number[], profile: VaeProfile): Float32Array {
  checkLatent(data, shape, profile);
  const { scalingFactor, shiftFactor } = profile;
  return data.map((value) => (value - shiftFactor) * scalingFactor);
}

function checkLatent(data: Float32Array, shape: readonly number[], { name, channels }: VaeProfile): void {
  const elements = shape.reduce((product, side) => product * side, 1);
  if (shape.length !== 4 || elements !== data.length) {
    throw new ShapeError(
      'latent-shape',
      `a latent is [B, C, h, w], this one is [${shape.join(', ')}] with ${data.length} elements`,
      'Unpack a packed latent [B, tokens, 64] first, and pass the shape of the data.',
    );
  }
  if (shape[1] === channels) return;
  const fitting = profilesFor(shape[1] ?? 0).map((profile) => profile.name);
  throw new ShapeError(
    'latent-channels',
    `the latent [${shape.join(', ')}] has ${shape[1]} channels, those of ${name} have ${channels}`,
    fitting.length > 0
      ? `Use the profile ${fitting.join(' or ')}; there are ${listed()}.`
      : `The profiles are ${listed()}.`,
  );
}
