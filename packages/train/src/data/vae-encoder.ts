import { basename } from 'node:path';
import type { Device } from '@lua-webgpu/kernels';
import { imagesToTensor, loadVae, locateVae, type RgbImage, type Vae } from '@lua-webgpu/lua-model';
import {
  clamp,
  openScope,
  resize2d,
  scoped,
  sha256OfFile,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
} from '@lua-webgpu/tensor';
import type { Encoder } from './types.ts';

/**
 * The encoder half of a VAE on a device, for `prepareData`. The device also resizes: bicubic with a = −0.5, antialiased,
 * in float32, clamped to [0, 1] and not rounded to 8 bits, as `resizeImage` does on the host.
 */
export class VaeEncoder implements Encoder {
  readonly channels: number;
  readonly stride: number;
  readonly profile: string;
  readonly files: Readonly<Record<string, string>>;
  readonly #device: Device;
  readonly #vae: Vae;

  private constructor(device: Device, vae: Vae, files: Readonly<Record<string, string>>) {
    this.channels = vae.profile.channels;
    this.stride = vae.stride;
    this.profile = vae.profile.name;
    this.files = files;
    this.#device = device;
    this.#vae = vae;
  }

  /**
   * @param path as `loadVae` takes it
   * @param profile the name of the VAE's profile where the files do not say it
   * @throws what `loadVae` throws
   */
  static async load(device: Device, path: string, profile?: string): Promise<VaeEncoder> {
    const vae = await loadVae(device, path, { profile, parts: ['encoder'] });
    const { weights } = await locateVae(path, ['encoder']);
    const hashes = await Promise.all(
      weights.map(async (file) => [basename(file), await sha256OfFile(file)] as const),
    );
    return new VaeEncoder(device, vae, Object.fromEntries(hashes));
  }

  async encode(
    crops: readonly RgbImage[],
    scales: readonly number[],
  ): Promise<ReadonlyMap<number, Float32Array>> {
    using scope = openScope(this.#device);
    const image = imagesToTensor(scope, crops);
    const latents = [1, ...scales].map((scale) => {
      const resized = scale === 1 ? image : downsample(image, scale);
      return [scale, scoped(resized, (x) => this.#vae.encode(x))] as const;
    });
    return new Map(
      await Promise.all(latents.map(async ([scale, latent]) => [scale, await latent.readFloats()] as const)),
    );
  }

  dispose(): void {
    this.#vae.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** [B, 3, H, W] → [B, 3, H / scale, W / scale] */
function downsample(image: Tensor, scale: number): Tensor {
  const [, , height = 0, width = 0] = image.shape;
  const size = { height: height / scale, width: width / scale, mode: 'bicubic', antialias: true } as const;
  return scoped(image, (x) => toChannelsFirst(clamp(resize2d(toChannelsLast(x), size), { min: 0, max: 1 })));
}
