import { ShapeError } from '@lua-webgpu/kernels';
import { formatShape, Module, scoped, type Tensor } from '@lua-webgpu/tensor';
import { profilesFor, type VaeProfile } from '../latent/index.ts';
import { type RunBlock, runStored } from '../run-block.ts';

export type VaePart = 'encoder' | 'decoder';

/**
 * A variational autoencoder between images [B, 3, H, W] in [0, 1] and decoder-ready latents [B, C, h, w]. The
 * conventions of each family (TAESD's diffusion scale, AutoencoderKL's [−1, 1]) stay inside.
 */
export abstract class Vae extends Module {
  abstract readonly kind: 'AutoencoderTiny' | 'AutoencoderKL';
  readonly profile: VaeProfile;
  /** Image pixels along the side of a latent pixel. */
  abstract readonly stride: number;
  /** What there are weights of. */
  readonly parts: readonly VaePart[];

  constructor(profile: VaeProfile, parts: readonly VaePart[]) {
    super();
    this.profile = profile;
    this.parts = parts;
  }

  /**
   * @param image [B, 3, H, W] in [0, 1], H and W multiples of `stride`
   * @param run `runRecomputed` trades time for memory in training
   * @returns decoder-ready [B, C, H / stride, W / stride] in the image's scope; of AutoencoderKL the posterior's mean
   * @throws ShapeError `image-shape`, `image-size`, `vae-part` for weights without an encoder
   */
  encode(image: Tensor, run: RunBlock = runStored): Tensor {
    this.checkImage(image);
    return scoped(image, (x) => this.encodeImage(x, run));
  }

  /**
   * @param latent decoder-ready [B, C, h, w]
   * @returns [B, 3, stride · h, stride · w] in the latent's scope, nominally in [0, 1], not clamped
   * @throws ShapeError `latent-shape`, `latent-channels`, `vae-part` for weights without a decoder
   */
  decode(latent: Tensor, run: RunBlock = runStored): Tensor {
    this.checkLatent(latent);
    return scoped(latent, (z) => this.decodeLatent(z, run));
  }

  /** Refuses what `encode` would refuse, without running anything. */
  checkImage(image: Tensor): void {
    this.#require('encoder');
    const { shape } = image;
    const [batch = 0, channels = 0, height = 0, width = 0] = shape;
    if (shape.length !== 4 || channels !== 3 || batch * height * width === 0) {
      throw new ShapeError(
        'image-shape',
        `the encoder takes [B, 3, H, W] with no empty axis, not ${formatShape(shape)}`,
        'Pass RGB values in [0, 1], channels first.',
      );
    }
    if (height % this.stride === 0 && width % this.stride === 0) return;
    throw new ShapeError(
      'image-size',
      `the sides of the image ${formatShape(shape)} are no multiples of ${this.stride}`,
      'Crop or resize the image first.',
    );
  }

  /** Refuses what `decode` would refuse, without running anything. */
  checkLatent(latent: Tensor): void {
    this.#require('decoder');
    const { shape } = latent;
    const [batch = 0, channels = 0, height = 0, width = 0] = shape;
    if (shape.length !== 4 || batch * height * width === 0) {
      throw new ShapeError(
        'latent-shape',
        `the decoder takes [B, C, h, w] with no empty axis, not ${formatShape(shape)}`,
        'Pass a 4-D latent.',
      );
    }
    if (channels === this.profile.channels) return;
    const fitting = profilesFor(channels).map(({ name }) => name);
    throw new ShapeError(
      'latent-channels',
      `the latent has ${channels} channels, those of this ${this.profile.name} VAE have ${this.profile.channels}`,
      fitting.length > 0
        ? `Load the VAE that the latent was made with: one of ${fitting.join(' or ')}.`
        : 'Load the VAE that the latent was made with.',
    );
  }

  #require(part: VaePart): void {
    if (this.parts.includes(part)) return;
    throw new ShapeError(
      'vae-part',
      `the ${part} of this ${this.kind} was not loaded`,
      `Pass weights that hold the ${part}, and leave out { parts } or name it there.`,
    );
  }

  /** `encode` of an image that was checked. */
  protected abstract encodeImage(image: Tensor, run: RunBlock): Tensor;

  /** `decode` of a latent that was checked. */
  protected abstract decodeLatent(latent: Tensor, run: RunBlock): Tensor;
}
