import { FileError, ShapeError } from '@lua-webgpu/kernels';
import { profileOf, profiles, profilesFor, type VaeProfile } from '../latent/index.ts';

/** What is known about the scale of a VAE's latents. */
export interface ProfileHints {
  /** What the caller says; believed before all else. */
  readonly wanted: string | undefined;
  /** Of the configuration, where it states them. */
  readonly factors: { readonly scaling: number; readonly shift: number } | undefined;
  /** The name of the file, folder or repository. */
  readonly name: string;
  readonly channels: number;
  /** What errors call the VAE. */
  readonly source: string;
}

const names: readonly (readonly [pattern: RegExp, profile: VaeProfile['name']])[] = [
  [/sd-?xl/i, 'sdxl'],
  [/(sd|stable-diffusion-)3/i, 'sd3'],
  [/taef1|flux|^ae$/i, 'flux'],
  [/taesd|sd-?v?1/i, 'sd1'],
];

/**
 * The profile of a VAE: what the caller says, else the one with the factors of the configuration, else what the name says.
 *
 * @throws ShapeError `attribute-profile`, `latent-channels`
 * @throws FileError `vae-profile` where nothing tells
 */
export function chooseProfile({ wanted, factors, name, channels, source }: ProfileHints): VaeProfile {
  if (wanted !== undefined) return withChannels(profileOf(wanted), channels, source);
  const fitting = profilesFor(channels);
  if (fitting.length === 0) {
    throw new ShapeError(
      'latent-channels',
      `${source}: the latents have ${channels} channels, which are those of no profile`,
      `The profiles are ${listed(profiles)}.`,
    );
  }
  const near = (a: number, b: number) => Math.abs(a - b) < 1e-6;
  const byFactors = fitting.find(
    (each) => factors && near(each.scalingFactor, factors.scaling) && near(each.shiftFactor, factors.shift),
  );
  const byName = names.find(([pattern]) => pattern.test(name))?.[1];
  const found = byFactors ?? fitting.find((each) => !factors && each.name === byName);
  if (found) return found;
  const stated = factors
    ? `no profile has the scaling_factor ${factors.scaling} and shift_factor ${factors.shift} of its configuration`
    : 'nothing says which family its latents belong to';
  throw new FileError('vae-profile', `${source}: ${stated}`, `Pass { profile }: ${listed(fitting)}.`);
}

function withChannels(profile: VaeProfile, channels: number, source: string): VaeProfile {
  if (profile.channels === channels) return profile;
  throw new ShapeError(
    'latent-channels',
    `${source}: the latents have ${channels} channels, those of ${profile.name} have ${profile.channels}`,
    `The profiles are ${listed(profiles)}.`,
  );
}

function listed(of: readonly VaeProfile[]): string {
  return of.map(({ name, channels }) => `${name} (${channels} channels)`).join(', ');
}
