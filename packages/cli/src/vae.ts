import { type Device, ShapeError } from '@lua-webgpu/kernels';
import {
  decodeTiled,
  encodeTiled,
  type HostLatent,
  imageToTensor,
  isPretrainedName,
  loadPretrainedDecoder,
  loadVae,
  type PretrainedName,
  pretrainedDecoder,
  pretrainedEntry,
  type RgbImage,
  type TilingOptions,
  tensorToImage,
  type Vae,
  type VaePart,
} from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import type { Parsed } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './errors.ts';
import type { StatedLatent } from './latent-scale.ts';
import type { Output } from './output.ts';

/** The options that name a VAE and say how it runs over large pictures. */
export interface VaeOptions {
  readonly path: string;
  readonly profile: string | undefined;
  readonly tile?: number | undefined;
  readonly overlap?: number | undefined;
}

/** Those of a command that requires a VAE. */
export function readVaeOptions(parsed: Parsed): VaeOptions {
  return {
    path: parsed.required('vae'),
    profile: parsed.text('profile'),
    tile: parsed.count('tile'),
    overlap: parsed.count('overlap'),
  };
}

/** A VAE on a device, between pictures and latents of the host. */
export class HostVae implements Disposable {
  readonly network: Vae;
  readonly #device: Device;
  readonly #options: VaeOptions;
  readonly #context: CommandContext;

  private constructor(network: Vae, device: Device, options: VaeOptions, context: CommandContext) {
    this.network = network;
    this.#device = device;
    this.#options = options;
    this.#context = context;
  }

  /** Loads the parts that are needed. @throws as `loadVae` and `loadPretrainedDecoder`, UsageError `usage-vae` */
  static async open(
    device: Device,
    options: VaeOptions,
    parts: readonly VaePart[],
    context: CommandContext,
  ): Promise<HostVae> {
    const { path, profile } = options;
    if (!isPretrainedName(path)) {
      return new HostVae(await loadVae(device, path, { profile, parts }), device, options, context);
    }
    checkPackaged(path, profile, parts);
    return new HostVae(
      await loadPretrainedDecoder(device, pretrainedDecoder(path)),
      device,
      options,
      context,
    );
  }

  /** The decoder-ready latent of a picture, [1, C, h, w]. @throws as `encodeTiled` */
  async encode(image: RgbImage): Promise<HostLatent> {
    using scope = openScope(this.#device);
    const latent = await encodeTiled(this.network, imageToTensor(scope, image), this.#tiling('encoding'));
    return { data: await latent.readFloats(), shape: latent.shape };
  }

  /** The picture of a decoder-ready latent [1, C, h, w]. @throws as `decodeTiled` */
  async decode({ data, shape }: HostLatent): Promise<RgbImage> {
    using scope = openScope(this.#device);
    return await tensorToImage(
      await decodeTiled(this.network, scope.tensor(data, shape), this.#tiling('decoding')),
    );
  }

  /** For reports. */
  describe(): object {
    const { kind, profile } = this.network;
    return { path: this.#options.path, kind, profile: profile.name };
  }

  [Symbol.dispose](): void {
    this.network.dispose();
  }

  #tiling(label: string): TilingOptions {
    const { tile, overlap } = this.#options;
    const { output, signal } = this.#context;
    return { tile, overlap, signal, onProgress: ({ done, total }) => output.progress(label, done, total) };
  }
}

/** @throws UsageError `usage-vae` for what a decoder that comes with the package is not */
function checkPackaged(name: PretrainedName, profile: string | undefined, parts: readonly VaePart[]): void {
  const entry = pretrainedEntry(name);
  const problem =
    (entry.kind !== 'decoder' && `${name} is no VAE`) ||
    (parts.includes('encoder') && `${name} is a decoder, and a picture has to be encoded`) ||
    (profile !== undefined &&
      profile !== entry.profile &&
      `${name} takes latents of ${entry.profile}, not ${profile}`);
  if (problem) throw new UsageError('usage-vae', problem, 'Pass the path of a VAE of the generator.');
}

/**
 * Checks, before any work is done, that a latent can become a picture; warns where it says that it is of another family.
 * @throws ShapeError `latent-channels`, `latent-shape` for several latents
 */
export function requireDecodable(
  vae: Vae,
  { shape, metadata }: StatedLatent,
  source: string,
  output: Output,
): void {
  const [batch = 0, channels = 0] = shape;
  const { name, channels: own } = vae.profile;
  if (channels !== own) {
    throw new ShapeError(
      'latent-channels',
      `the latent [${shape.join(', ')}] has ${channels} channels, the VAE (${name}) takes ${own}`,
      'Use the VAE of the model that made the latent.',
    );
  }
  if (batch !== 1) {
    throw new ShapeError(
      'latent-shape',
      `[${shape.join(', ')}] holds ${batch} latents, and a picture is made of one`,
      'Store them in files of their own.',
    );
  }
  const stated = metadata.get('profile') ?? name;
  if (stated !== name)
    output.warn(`${source} says that it is a latent of ${stated}; the VAE is one of ${name}`);
}
