import {
  add,
  type Conv2d,
  chain,
  concat,
  type GroupNorm,
  groupNormStatistics,
  type Scope,
  silu,
  slice,
  type Tensor,
} from '@lua-webgpu/tensor';
import { runStored } from '../../run-block.ts';
import type { TileProgress } from '../../tiling/index.ts';
import type { AutoencoderKL } from './autoencoder-kl.ts';
import type { Decoder, Upsampler } from './decoder.ts';
import type { Encoder } from './encoder.ts';
import type { ResnetBlock } from './resnet-block.ts';
import { Bands, Piece, type Rows } from './rows.ts';
import { MapStatistics, type PartStatistics } from './statistics.ts';

/*
 * An AutoencoderKL in bands of rows. A group norm looks at the whole map, so tiles that know nothing of each other differ in
 * tone. Here all bands reach a normalisation before any passes it: the result is that of the whole but for rounding. A
 * ResNet block has two normalisations and is computed up to the second twice, so that nothing but its input is kept.
 * The layers at the resolution of the latent, with the attention, run at once.
 */

export interface BandOptions {
  /** Rows of a band, in latent pixels. */
  readonly rows: number;
  /** Whether enlarged maps are kept, or made again from the smaller ones whenever rows of them are read. */
  readonly keepEnlarged: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TileProgress) => void) | undefined;
}

/** As `vae.decode`, in tensors of `scope`. */
export async function decodeInBands(
  scope: Scope,
  vae: AutoencoderKL,
  latent: Tensor,
  options: BandOptions,
): Promise<Tensor> {
  const decoder = vae.decoder as Decoder;
  const run = new BandRun(scope, latent.shape[2] as number, options);
  const blocks = decoder.upBlocks.items;
  const steps = blocks.reduce(
    (sum, { resnets, upsampler }) => sum + resnets.items.length + (upsampler ? 1 : 0),
    2,
  );
  const step = run.countSteps(steps);
  let rows: Rows = run.whole(chain(latent, [(z) => vae.fromLatent(z), (z) => decoder.begin(z, runStored)]));
  await step();
  for (const { resnets, upsampler } of blocks) {
    for (const block of resnets.items) {
      rows = await run.resnet(rows, block);
      await step();
    }
    if (!upsampler) continue;
    const enlarged = new Enlarged(rows, upsampler);
    rows = options.keepEnlarged ? await run.keep(enlarged) : enlarged;
    await step();
  }
  const image = await run.finish(rows, decoder.normOut, decoder.convOut, (x) => vae.toImage(x));
  await step();
  return image;
}

/** As `vae.encode`, in tensors of `scope`. */
export async function encodeInBands(
  scope: Scope,
  vae: AutoencoderKL,
  image: Tensor,
  options: BandOptions,
): Promise<Tensor> {
  const encoder = vae.encoder as Encoder;
  const height = image.shape[2] as number;
  const run = new BandRun(scope, height / vae.stride, options);
  const blocks = encoder.downBlocks.items;
  const steps = blocks.reduce(
    (sum, { resnets, downsampler }) => sum + resnets.items.length + (downsampler ? 1 : 0),
    2,
  );
  const step = run.countSteps(steps);
  const pixels = new ImageRows(vae, image);
  let rows: Rows = await run.map(height, pixels, 1, (inner, from, to) =>
    Piece.read(inner, pixels, from, to, 1)
      .convolve((x) => encoder.convIn.forward(x))
      .rows(from, to),
  );
  await step();
  for (const { resnets, downsampler } of blocks) {
    for (const block of resnets.items) {
      rows = await run.resnet(rows, block);
      await step();
    }
    if (!downsampler) continue;
    const source = rows;
    // The padding lies below the last row alone; before it, the row that follows the band is read.
    rows = await run.map(source.height / 2, source, 0, (inner, from, to) =>
      downsampler.forward(source.read(inner, 2 * from, Math.min(2 * to + 1, source.height))),
    );
    await step();
  }
  const latent = run.inside((inner) =>
    chain(rows.read(inner, 0, rows.height), [
      (x) => encoder.finish(x, runStored),
      (moments) => vae.toMean(moments),
    ]),
  );
  rows.forget(rows.height);
  await step();
  return latent;
}

/** Nearest neighbour ×2 and its convolution, made whenever rows are read. */
class Enlarged implements Rows {
  readonly height: number;
  readonly #source: Rows;
  readonly #upsampler: Upsampler;

  constructor(source: Rows, upsampler: Upsampler) {
    this.height = 2 * source.height;
    this.#source = source;
    this.#upsampler = upsampler;
  }

  read(scope: Scope, from: number, to: number): Tensor {
    const first = Math.max(0, Math.floor(from / 2) - 1);
    const last = Math.min(this.#source.height, Math.ceil(to / 2) + 1);
    const enlarged = this.#upsampler.forward(this.#source.read(scope, first, last));
    const [batch = 0, , width = 0, channels = 0] = enlarged.shape;
    return slice(enlarged, [0, from - 2 * first, 0, 0], [batch, to - from, width, channels]);
  }

  forget(before: number): void {
    this.#source.forget(Math.floor(before / 2) - 1);
  }
}

/** The rows of an image [B, 3, H, W] as the encoder takes them. */
class ImageRows implements Rows {
  readonly height: number;
  readonly #vae: AutoencoderKL;
  readonly #image: Tensor;

  constructor(vae: AutoencoderKL, image: Tensor) {
    this.height = image.shape[2] as number;
    this.#vae = vae;
    this.#image = image;
  }

  read(scope: Scope, from: number, to: number): Tensor {
    const [batch = 0, planes = 0, , width = 0] = this.#image.shape;
    const rows = slice(scope.borrow(this.#image), [0, 0, from, 0], [batch, planes, to - from, width]);
    return this.#vae.toMap(rows);
  }

  forget(): void {}
}

type ComputeRows = (scope: Scope, from: number, to: number) => Tensor;

/** The layers of one run, band by band. */
class BandRun {
  readonly #scope: Scope;
  readonly #latentHeight: number;
  readonly #options: BandOptions;

  constructor(scope: Scope, latentHeight: number, options: BandOptions) {
    this.#scope = scope;
    this.#latentHeight = latentHeight;
    this.#options = options;
  }

  /** Waits for the GPU, so that cancelling is prompt, and reports how many of the steps are done. */
  countSteps(total: number): () => Promise<void> {
    const { onProgress } = this.#options;
    let done = 0;
    onProgress?.({ done, total });
    return async () => {
      await this.#settle();
      done += 1;
      onProgress?.({ done, total });
    };
  }

  /** A map that was computed at once. */
  whole(x: Tensor): Rows {
    const bands = new Bands(x.shape[1] as number);
    bands.add(x);
    return bands;
  }

  /** Computes in a scope of its own. */
  inside(compute: (scope: Scope) => Tensor): Tensor {
    using inner = this.#scope.child();
    return inner.keep(compute(inner));
  }

  /**
   * A map of `height` rows, computed band by band from `source`, whose rows are given back on the way.
   * @param halo rows of the source before those of a band that are still needed
   */
  async map(height: number, source: Rows, halo: number, compute: ComputeRows): Promise<Bands> {
    const bands = new Bands(height);
    const ratio = source.height / height;
    for (const [from, to] of this.#cut(height)) {
      bands.add(this.inside((scope) => compute(scope, from, to)));
      source.forget(to * ratio - halo);
      await this.#settle();
    }
    source.forget(source.height);
    return bands;
  }

  /** The rows of `source` in memory. */
  async keep(source: Rows): Promise<Bands> {
    return await this.map(source.height, source, 0, (scope, from, to) => source.read(scope, from, to));
  }

  async resnet(source: Rows, block: ResnetBlock): Promise<Bands> {
    const { height } = source;
    const first = await this.#statistics(block.norm1, height, (scope, from, to) =>
      source.read(scope, from, to),
    );
    const hidden = (input: Piece) =>
      input.map((x) => first.normalise(block.norm1, x), silu).convolve((x) => block.conv1.forward(x));
    const second = await this.#statistics(block.norm2, height, (scope, from, to) =>
      hidden(Piece.read(scope, source, from, to, 1)).rows(from, to),
    );
    return await this.map(height, source, 2, (scope, from, to) => {
      const input = Piece.read(scope, source, from, to, 2);
      const residual = hidden(input)
        .map((x) => second.normalise(block.norm2, x), silu)
        .convolve((x) => block.conv2.forward(x))
        .rows(from, to);
      const x = input.rows(from, to);
      return add(residual, block.shortcut ? block.shortcut.forward(x) : x);
    });
  }

  /** The end of the decoder: normalisation, SiLU, convolution and what makes an image of it. */
  async finish(source: Rows, norm: GroupNorm, conv: Conv2d, toImage: (x: Tensor) => Tensor): Promise<Tensor> {
    const { height } = source;
    const statistics = await this.#statistics(norm, height, (scope, from, to) =>
      source.read(scope, from, to),
    );
    const images: Tensor[] = [];
    for (const [from, to] of this.#cut(height)) {
      images.push(
        this.inside((scope) =>
          toImage(
            Piece.read(scope, source, from, to, 1)
              .map((x) => statistics.normalise(norm, x), silu)
              .convolve((x) => conv.forward(x))
              .rows(from, to),
          ),
        ),
      );
      source.forget(to - 1);
      await this.#settle();
    }
    source.forget(height);
    return concat(images, 2);
  }

  async #statistics(norm: GroupNorm, height: number, compute: ComputeRows): Promise<MapStatistics> {
    const { groups, eps } = norm;
    const parts: PartStatistics[] = [];
    let perRow = 0;
    for (const [from, to] of this.#cut(height)) {
      using inner = this.#scope.child();
      const x = compute(inner, from, to);
      const [, , width = 0, channels = 0] = x.shape;
      perRow = (width * channels) / groups;
      const values = await groupNormStatistics(x, { groups, eps }).readFloats();
      parts.push({ values, rows: to - from });
      this.#options.signal?.throwIfAborted();
    }
    return new MapStatistics(parts, perRow);
  }

  #cut(height: number): [from: number, to: number][] {
    const size = Math.max(1, (this.#options.rows * height) / this.#latentHeight);
    return Array.from({ length: Math.ceil(height / size) }, (_, i) => [
      i * size,
      Math.min((i + 1) * size, height),
    ]);
  }

  async #settle(): Promise<void> {
    await this.#scope.device.synchronize();
    this.#options.signal?.throwIfAborted();
  }
}
