import { Module, type Tensor } from '@lua-webgpu/tensor';
import type { VaeProfile } from '../latent/index.ts';
import type { RunBlock } from '../run-block.ts';

/**
 * A variational autoencoder between images [B, 3, H, W] in [0, 1] and decoder-ready latents [B, C, h, w]. The
 * conventions of each family (TAESD's diffusion scale, AutoencoderKL's [−1, 1]) stay inside.
 */
export abstract class Vae extends Module {
  abstract readonly kind: 'AutoencoderTiny' | 'AutoencoderKL';
  readonly profile: VaeProfile;
  /** Image pixels along the side of a latent pixel. */
  abstract readonly stride: number;

  constructor(profile: VaeProfile) {
    super();
    this.profile = profile;
  }

  /**
   * @param image [B, 3, H, W] in [0, 1], H and W multiples of `stride`
   * @param run `runRecomputed` trades time for memory in training
   * @returns decoder-ready [B, C, H / stride, W / stride] in the image's scope; of AutoencoderKL the posterior's mean
   * @throws ShapeError `image-shape`, `image-size`, `vae-part` for weights without an encoder
   */
  abstract encode(image: Tensor, run?: RunBlock): Tensor;

  /**
   * @param latent decoder-ready [B, C, h, w]
   * @returns [B, 3, stride · h, stride · w] in the latent's scope, nominally in [0, 1], not clamped
   * @throws ShapeError `latent-shape`, `latent-channels`, `vae-part` for weights without a decoder
   */
  abstract decode(latent: Tensor, run?: RunBlock): Tensor;
}
