import {
  affine,
  Conv2d,
  chain,
  Group,
  paddedChannels,
  plainChannels,
  relu,
  type Tensor,
  tanh,
  toChannelsFirst,
  toChannelsLast,
  upsampleNearest2d,
} from '@lua-webgpu/tensor';
import type { VaeProfile } from '../../latent/index.ts';
import type { RunBlock } from '../../run-block.ts';
import { Vae, type VaePart } from '../vae.ts';
import { Layers, TinyBlock } from './layers.ts';

/** What decides the shape of a TAESD autoencoder. The published ones have width 64, blocks 1 3 3 3 and 3 3 3 1. */
export interface TinyConfig {
  readonly latentChannels: number;
  readonly width: number;
  /** Blocks at each resolution, from that of the image down. */
  readonly encoderBlocks: readonly number[];
  /** Blocks at each resolution, from that of the latent up. */
  readonly decoderBlocks: readonly number[];
}

/**
 * TAESD (Ollin Boer Bohan), diffusers' AutoencoderTiny: a distilled stand-in for the VAE of a family. Its own latents are
 * in the diffusion scale and its images in [0, 1]; the latents are converted here. Names as diffusers'.
 */
export class AutoencoderTiny extends Vae {
  override readonly kind = 'AutoencoderTiny';
  override readonly stride: number;
  readonly config: TinyConfig;
  readonly #encoder: Layers | undefined;
  readonly #decoder: Layers | undefined;

  constructor(config: TinyConfig, profile: VaeProfile, parts: readonly VaePart[] = ['encoder', 'decoder']) {
    super(profile, parts);
    this.config = config;
    this.stride = 2 ** (config.decoderBlocks.length - 1);
    this.#encoder = parts.includes('encoder') ? encoderLayers(config) : undefined;
    this.#decoder = parts.includes('decoder') ? decoderLayers(config) : undefined;
  }

  override members() {
    return {
      ...(this.#encoder && { encoder: new Group({ layers: this.#encoder }) }),
      ...(this.#decoder && { decoder: new Group({ layers: this.#decoder }) }),
    };
  }

  protected override encodeImage(image: Tensor, run: RunBlock): Tensor {
    const { channels, scalingFactor, shiftFactor } = this.profile;
    return chain(image, [
      (x) => toChannelsLast(x, { channels: 4 }),
      (x) => (this.#encoder as Layers).forward(x, run),
      (z) => affine(z, { scale: 1 / scalingFactor, offset: shiftFactor }),
      (z) => toChannelsFirst(z, { channels }),
    ]);
  }

  protected override decodeLatent(latent: Tensor, run: RunBlock): Tensor {
    const { scalingFactor, shiftFactor } = this.profile;
    return chain(latent, [
      (z) => toChannelsLast(z),
      // TAESD's clamp, 3 · tanh(z / 3), of z in the diffusion scale.
      (z) => affine(z, { scale: scalingFactor / 3, offset: (-shiftFactor * scalingFactor) / 3 }),
      tanh,
      toChannelsFirst,
      toChannelsLast,
      (z) => affine(z, { scale: 3, offset: 0 }),
      (z) => (this.#decoder as Layers).forward(z, run),
      (x) => toChannelsFirst(x, { channels: 3 }),
    ]);
  }
}

function encoderLayers({ latentChannels, width, encoderBlocks }: TinyConfig): Layers {
  const channels = plainChannels(width);
  const stages = encoderBlocks.flatMap((blocks, stage) => [
    stage === 0
      ? new Conv2d(paddedChannels(3), channels)
      : new Conv2d(channels, channels, 3, { stride: 2, bias: false }),
    ...Array.from({ length: blocks }, () => new TinyBlock(width)),
  ]);
  return new Layers([...stages, new Conv2d(channels, plainChannels(latentChannels))]);
}

function decoderLayers({ latentChannels, width, decoderBlocks }: TinyConfig): Layers {
  const channels = plainChannels(width);
  const last = decoderBlocks.length - 1;
  const stages = decoderBlocks.flatMap((blocks, stage) => [
    ...Array.from({ length: blocks }, () => new TinyBlock(width)),
    ...(stage === last
      ? [new Conv2d(channels, paddedChannels(3))]
      : [
          (x: Tensor) => upsampleNearest2d(x, { factor: 2 }),
          new Conv2d(channels, channels, 3, { bias: false }),
        ]),
  ]);
  return new Layers([new Conv2d(plainChannels(latentChannels), channels), relu, ...stages]);
}
