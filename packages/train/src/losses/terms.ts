import type { NdArray, Tensor } from '@lua-webgpu/tensor';
import { type DownsampleOptions, downsampleLoss, downsampleReference } from './downsample.ts';
import { type EagleOptions, eagleLoss, eagleReference } from './eagle.ts';
import { LossError } from './errors.ts';
import { fftReference, latentFft, pixelFft } from './fft.ts';
import { type HighFrequencyOptions, highFrequencyLoss, highFrequencyReference } from './high-frequency.ts';
import { l1Reference, latentL1, pixelL1 } from './l1.ts';

type None = Readonly<Record<never, never>>;

/** The options of each term as they stand in an objective beside the weight. */
export interface LossOptions {
  readonly l1_latent: None;
  readonly fft_latent: None;
  /** `scale`: the factor is the scale of the head whose output is judged. */
  readonly downsample: { readonly factor?: number | 'scale' };
  readonly high_frequency: HighFrequencyOptions;
  readonly l1_pixel: None;
  readonly fft_pixel: None;
  readonly eagle: EagleOptions;
}

export type LossName = keyof LossOptions;

/** What an option has to be: a test and the words for it. */
export interface OptionRule {
  readonly accepts: (value: unknown) => boolean;
  readonly expected: string;
}

/** What a loss may ask of the step besides the tensors. */
export interface LossContext {
  /** Scale of the head that made the prediction. */
  readonly scale?: number | undefined;
}

/** One term that an objective can have. */
export interface LossTerm<O> {
  /** Whether it compares latents [B, C, h, w] or decoded images [B, 3, H, W]. */
  readonly space: 'latent' | 'pixel';
  readonly options: Readonly<Record<keyof O, OptionRule>>;
  /** The scalar, on the prediction's tape. */
  loss(prediction: Tensor, target: Tensor, options: O, context: LossContext): Tensor;
  /** The same in float64. */
  reference(prediction: NdArray, target: NdArray, options: O, context: LossContext): number;
}

const isWhole = (least: number) => (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) >= least;
const isPositive = (value: unknown) => Number.isFinite(value) && (value as number) > 0;
const oneOf = (...values: string[]): OptionRule => ({
  accepts: (value) => values.includes(value as string),
  expected: values.map((value) => `'${value}'`).join(' or '),
});

/** The factor in numbers. @throws LossError `loss-missing` where the scale is needed and not known */
function withFactor(
  { factor, ...rest }: LossOptions['downsample'],
  { scale }: LossContext,
): DownsampleOptions {
  if (factor === undefined) return rest;
  const resolved = factor === 'scale' ? scale : factor;
  if (resolved !== undefined) return { factor: resolved };
  throw new LossError(
    'loss-missing',
    "downsample: its factor is 'scale', but the scale of the head is not known",
    'Pass { scale } to evaluate.',
  );
}

/** Every term, in the order of the curriculum. */
export const lossTerms: { readonly [N in LossName]: LossTerm<LossOptions[N]> } = {
  l1_latent: { space: 'latent', options: {}, loss: latentL1, reference: l1Reference },
  fft_latent: { space: 'latent', options: {}, loss: latentFft, reference: fftReference },
  downsample: {
    space: 'pixel',
    options: {
      factor: {
        accepts: (value) => value === 'scale' || isWhole(1)(value),
        expected: "a whole number from 1 or 'scale'",
      },
    },
    loss: (p, t, options, context) => downsampleLoss(p, t, withFactor(options, context)),
    reference: (p, t, options, context) => downsampleReference(p, t, withFactor(options, context)),
  },
  high_frequency: {
    space: 'pixel',
    options: {
      kernel_size: {
        accepts: (value) => isWhole(1)(value) && (value as number) % 2 === 1,
        expected: 'an odd whole number',
      },
      sigma: { accepts: isPositive, expected: 'a number above 0' },
    },
    loss: highFrequencyLoss,
    reference: highFrequencyReference,
  },
  l1_pixel: { space: 'pixel', options: {}, loss: pixelL1, reference: l1Reference },
  fft_pixel: { space: 'pixel', options: {}, loss: pixelFft, reference: fftReference },
  eagle: {
    space: 'pixel',
    options: {
      patch_size: { accepts: isWhole(2), expected: 'a whole number from 2' },
      high_pass: oneOf('gaussian', 'original'),
      cutoff: { accepts: isPositive, expected: 'a number above 0' },
      reduction: oneOf('mean', 'sum'),
    },
    loss: eagleLoss,
    reference: eagleReference,
  },
};

export const lossNames = Object.keys(lossTerms) as readonly LossName[];
