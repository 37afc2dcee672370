import {
  affine,
  Conv2d,
  chain,
  plainChannels,
  slice,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
} from '@lua-webgpu/tensor';
import type { VaeProfile } from '../../latent/index.ts';
import type { RunBlock } from '../../run-block.ts';
import { Vae, type VaePart } from '../vae.ts';
import type { KlConfig } from './config.ts';
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';

/**
 * The VAE of Stable Diffusion, SDXL, SD3 and FLUX.1 (arXiv 2112.10752), diffusers' AutoencoderKL with its names. All of it
 * is computed in float32, which is what `force_upcast` asks for, unless the device's products may be rounded.
 */
export class AutoencoderKL extends Vae {
  override readonly kind = 'AutoencoderKL';
  override readonly stride: number;
  readonly config: KlConfig;
  readonly encoder: Encoder | undefined;
  readonly decoder: Decoder | undefined;
  readonly #quant: Conv2d | undefined;
  readonly #postQuant: Conv2d | undefined;

  constructor(config: KlConfig, profile: VaeProfile, parts: readonly VaePart[] = ['encoder', 'decoder']) {
    super(profile, parts);
    this.config = config;
    this.stride = 2 ** (config.block_out_channels.length - 1);
    const has = (part: VaePart) => parts.includes(part);
    const pointwise = (width: number) => new Conv2d(plainChannels(width), plainChannels(width), 1);
    this.encoder = has('encoder') ? new Encoder(config) : undefined;
    this.decoder = has('decoder') ? new Decoder(config) : undefined;
    this.#quant = this.encoder && config.use_quant_conv ? pointwise(2 * config.latent_channels) : undefined;
    this.#postQuant =
      this.decoder && config.use_post_quant_conv ? pointwise(config.latent_channels) : undefined;
  }

  override members() {
    return {
      ...(this.encoder && { encoder: this.encoder }),
      ...(this.decoder && { decoder: this.decoder }),
      ...(this.#quant && { quant_conv: this.#quant }),
      ...(this.#postQuant && { post_quant_conv: this.#postQuant }),
    };
  }

  protected override encodeImage(image: Tensor, run: RunBlock): Tensor {
    return chain(image, [
      (x) => this.toMap(x),
      (x) => (this.encoder as Encoder).forward(x, run),
      (moments) => this.toMean(moments),
    ]);
  }

  protected override decodeLatent(latent: Tensor, run: RunBlock): Tensor {
    return chain(latent, [
      (z) => this.fromLatent(z),
      (z) => (this.decoder as Decoder).forward(z, run),
      (x) => this.toImage(x),
    ]);
  }

  /** An image [B, 3, H, W] in [0, 1] as the encoder takes it. */
  toMap(image: Tensor): Tensor {
    return chain(image, [
      (x) => affine(x, { scale: 2, offset: -1 }),
      (x) => toChannelsLast(x, { channels: 4 }),
    ]);
  }

  /** The posterior's mean [B, C, h, w] of what the encoder gives. */
  toMean(moments: Tensor): Tensor {
    const { latent_channels: channels } = this.config;
    return chain(moments, [
      ...(this.#quant ? [(m: Tensor) => (this.#quant as Conv2d).forward(m)] : []),
      (m) => slice(m, [0, 0, 0, 0], [...m.shape.slice(0, 3), channels]),
      (mean) => toChannelsFirst(mean),
    ]);
  }

  /** A latent [B, C, h, w] as the decoder takes it. */
  fromLatent(latent: Tensor): Tensor {
    return chain(latent, [
      (z) => toChannelsLast(z),
      ...(this.#postQuant ? [(z: Tensor) => (this.#postQuant as Conv2d).forward(z)] : []),
    ]);
  }

  /** The image [B, 3, H, W] in [0, 1] of what the decoder gives. */
  toImage(map: Tensor): Tensor {
    return chain(map, [
      (x) => toChannelsFirst(x, { channels: 3 }),
      (x) => affine(x, { scale: 0.5, offset: 0.5 }),
    ]);
  }
}
