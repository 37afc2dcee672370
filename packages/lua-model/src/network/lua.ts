import { ShapeError } from '@lua-webgpu/kernels';
import {
  add,
  affine,
  crop2d,
  formatShape,
  Group,
  Module,
  type Parameter,
  pad2d,
  scoped,
  sub,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
} from '@lua-webgpu/tensor';
import type { HeadConfig, LuaConfig } from '../config/index.ts';
import { type RunBlock, runStored } from '../run-block.ts';
import type { DropPath } from './drop-path.ts';
import { createHead, type Head } from './heads.ts';
import { Trunk } from './trunk.ts';

/**
 * The Latent Upscaler Adapter (arXiv 2511.10629): one trunk and a head per scale. Also runs original SwinIR
 * checkpoints, which are a trunk with one head under other names.
 */
export class Lua extends Module {
  readonly config: LuaConfig;
  readonly #trunk: Trunk;
  readonly #heads: ReadonlyMap<string, { readonly config: HeadConfig; readonly head: Head }>;

  constructor(config: LuaConfig) {
    super();
    this.config = config;
    this.#trunk = new Trunk(config);
    this.#heads = new Map(
      config.heads.map((head) => [head.name, { config: head, head: createHead(config, head) }]),
    );
  }

  override members(): Readonly<Record<string, Module | Parameter>> {
    const heads = [...this.#heads].map(([name, { head }]) => [name, head] as const);
    if (this.config.names === 'lua') {
      return { ...this.#trunk.members(), heads: new Group(Object.fromEntries(heads)) };
    }
    return Object.assign({}, this.#trunk.members(), ...heads.map(([, head]) => head.members()));
  }

  /** The scales that this model has a head for. */
  get scales(): readonly number[] {
    return this.config.heads.map(({ scale }) => scale);
  }

  /** Pixels that a side of the input is padded to a multiple of. */
  get alignment(): number {
    const { window_size, img_size } = this.config;
    const window = Math.min(window_size, ...img_size);
    return window_size % window === 0 ? window_size : window;
  }

  /**
   * Runs the trunk once and the head of each scale.
   *
   * @param latent [B, in_chans, h, w], any B, h, w ≥ 1
   * @param run `runRecomputed` trades time for memory in training
   * @param dropPath stochastic depth, in training only; without it nothing is dropped
   * @returns per scale a tensor [B, out_chans, s·h, s·w] in the latent's scope
   * @throws ShapeError `latent-shape`, `latent-channels`, `scale-missing`, `attribute-invalid` for a wrong `dropPath`
   */
  forward(
    latent: Tensor,
    scales: readonly number[] = this.scales,
    run: RunBlock = runStored,
    dropPath?: DropPath,
  ): Map<number, Tensor> {
    const heads = this.#check(latent, scales);
    const [, channels = 0, height = 0, width = 0] = latent.shape;
    using scope = (latent.scope ?? missingScope(latent)).child();
    const image = this.#normalise(
      this.#pad(toChannelsLast(scope.borrow(latent), { channels: multipleOf(4, channels) })),
    );
    const features = this.#trunk.forward(image, run, dropPath);
    return new Map(
      heads.map(({ config, head }) => {
        const output = scoped(features, (x) => {
          const raw = config.upsampler === '' ? add(head.forward(x), image) : head.forward(x);
          const crop = { top: 0, left: 0, height: height * config.scale, width: width * config.scale };
          return toChannelsFirst(cropTo(this.#denormalise(raw), crop), { channels: config.out_chans });
        });
        return [config.scale, scope.keep(output)];
      }),
    );
  }

  /**
   * Refuses what `forward` would refuse, without running anything.
   * @throws ShapeError `latent-shape`, `latent-channels`, `scale-missing`
   */
  check(latent: Tensor, scales: readonly number[] = this.scales): void {
    this.#check(latent, scales);
  }

  #check(latent: Tensor, scales: readonly number[]): { config: HeadConfig; head: Head }[] {
    const [batch = 0, channels = 0, height = 0, width = 0] = latent.shape;
    if (latent.shape.length !== 4 || batch * height * width === 0) {
      throw new ShapeError(
        'latent-shape',
        `the model takes [B, C, h, w] with no empty axis, not ${formatShape(latent.shape)}`,
        'Pass a 4-D latent.',
      );
    }
    if (channels !== this.config.in_chans) {
      throw new ShapeError(
        'latent-channels',
        `the latent has ${channels} channels, the model takes ${this.config.in_chans}`,
        'Latents of SDXL have 4 channels, those of SD3 and FLUX 16: use the model made for your VAE.',
      );
    }
    return scales.map((scale) => this.#headOf(scale));
  }

  #headOf(scale: number): { config: HeadConfig; head: Head } {
    for (const entry of this.#heads.values()) if (entry.config.scale === scale) return entry;
    throw new ShapeError(
      'scale-missing',
      `the model has no head for ×${scale}`,
      `It has ${this.scales.map((s) => `×${s}`).join(' and ')}.`,
    );
  }

  /** Reflection at the bottom and right, up to whole windows. */
  #pad(image: Tensor): Tensor {
    const [, height = 0, width = 0] = image.shape;
    const bottom = multipleOf(this.alignment, height) - height;
    const right = multipleOf(this.alignment, width) - width;
    if (bottom === 0 && right === 0) return image;
    return pad2d(image, { top: 0, left: 0, bottom, right, mode: 'reflect' });
  }

  #normalise(image: Tensor): Tensor {
    const { img_range } = this.config;
    const centred = this.config.mean.length > 0 ? sub(image, this.#mean(image)) : image;
    return img_range === 1 ? centred : affine(centred, { scale: img_range, offset: 0 });
  }

  #denormalise(image: Tensor): Tensor {
    const { img_range } = this.config;
    const scaled = img_range === 1 ? image : affine(image, { scale: 1 / img_range, offset: 0 });
    return this.config.mean.length > 0 ? add(scaled, this.#mean(scaled)) : scaled;
  }

  #mean(image: Tensor): Tensor {
    const { mean } = this.config;
    const channels = image.shape.at(-1) as number;
    const padded = () => [...mean, ...new Array<number>(channels - mean.length).fill(0)];
    return (image.scope ?? missingScope(image)).constant(`mean ${mean}`, padded, [channels]);
  }
}

const multipleOf = (step: number, size: number) => Math.ceil(size / step) * step;

function missingScope(tensor: Tensor): never {
  throw new ShapeError(
    'latent-shape',
    `the latent ${formatShape(tensor.shape)} belongs to no scope`,
    'Make it with scope.tensor(data, shape).',
  );
}

/** The upper left part; the image itself where that is all of it. */
function cropTo(image: Tensor, crop: Parameters<typeof crop2d>[1]): Tensor {
  const [, height, width] = image.shape;
  return height === crop.height && width === crop.width ? image : crop2d(image, crop);
}
