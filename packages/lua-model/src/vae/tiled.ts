import { ShapeError } from '@lua-webgpu/kernels';
import { AutogradError, joinScopes, type Scope, type Tensor } from '@lua-webgpu/tensor';
import { largestTile, requireFinite, runTiles, type TileProgress, type TileSize } from '../tiling/index.ts';
import { AutoencoderKL } from './kl/autoencoder-kl.ts';
import { decodeInBands, encodeInBands } from './kl/bands.ts';
import { type BandPlan, bandBytes, largestMapBytes, wholeBytes } from './memory.ts';
import type { Vae, VaePart } from './vae.ts';

export interface TilingOptions {
  /**
   * Side of a tile's core in latent pixels; of AutoencoderKL, whose tiles are as wide as the image, its rows. Default: whole
   * where `memoryBudget` allows, else as many as it does.
   */
  readonly tile?: number | undefined;
  /**
   * Latent pixels read beyond the core on each inner side; 16 by default. Without effect for AutoencoderKL, whose tiles
   * always read what they need.
   */
  readonly overlap?: number | undefined;
  /** Device memory that a run may take, in bytes, beside the weights; 2 GiB. */
  readonly memoryBudget?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TileProgress) => void) | undefined;
}

/**
 * As `vae.encode`, in tiles where the whole does not fit the budget.
 *
 * @param image [B, 3, H, W] in [0, 1], H and W multiples of the stride
 * @returns [B, C, h, w] in the image's scope
 * @throws as `vae.encode`; ShapeError `tile-size`; AutogradError `autograd-no-vjp` where a gradient is wanted; NonFiniteError `non-finite` for NaN or infinity in image or result
 * @throws the signal's reason when aborted; nothing is left in use
 */
export async function encodeTiled(vae: Vae, image: Tensor, options: TilingOptions = {}): Promise<Tensor> {
  options.signal?.throwIfAborted();
  vae.checkImage(image);
  return await run(vae, 'encoder', image, options);
}

/**
 * As `vae.decode`, in tiles where the whole does not fit the budget.
 *
 * @param latent decoder-ready [B, C, h, w]
 * @returns [B, 3, stride · h, stride · w] in the latent's scope, not clamped
 * @throws as `vae.decode` and `encodeTiled`
 */
export async function decodeTiled(vae: Vae, latent: Tensor, options: TilingOptions = {}): Promise<Tensor> {
  options.signal?.throwIfAborted();
  vae.checkLatent(latent);
  return await run(vae, 'decoder', latent, options);
}

/** Of TAESD, by default: see docs/vae.md for what it costs and what less would. */
const defaultOverlap = 16;

const names = {
  encoder: { input: 'the image', result: 'the encoded latent' },
  decoder: { input: 'the latent', result: 'the decoded image' },
} as const;

/** One call: what runs, on what, and how large that is in latent pixels. */
interface Job {
  readonly vae: Vae;
  readonly part: VaePart;
  readonly input: Tensor;
  readonly options: TilingOptions;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

async function run(vae: Vae, part: VaePart, x: Tensor, options: TilingOptions): Promise<Tensor> {
  checkSizes(options);
  if (x.source) {
    throw new AutogradError(
      'autograd-no-vjp',
      `tiles have no gradient, and ${names[part].input} wants one`,
      'Call vae.encode or vae.decode with runRecomputed, or pass a detached tensor.',
    );
  }
  await requireFinite(x, names[part].input);
  options.signal?.throwIfAborted();
  using scope = joinScopes(part, [x]).child();
  const unit = part === 'encoder' ? vae.stride : 1;
  const [batch = 0, , height = 0, width = 0] = x.shape;
  const sizes = { batch, height: height / unit, width: width / unit };
  const job = { vae, part, input: scope.borrow(x), options, ...sizes };
  const result = await (runsWhole(job) ? runWhole(job) : runInPieces(scope, job));
  await requireFinite(result, names[part].result);
  options.signal?.throwIfAborted();
  return scope.keep(result);
}

function checkSizes({ tile = 1, overlap = 1 }: TilingOptions): void {
  for (const [name, value] of Object.entries({ tile, overlap })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ShapeError('tile-size', `${name} is ${value}`, 'Pass a whole number of latent pixels from 1.');
  }
}

function runsWhole(job: Job): boolean {
  const { vae, options, height, width } = job;
  const { tile } = options;
  if (tile === undefined) return fits(job, height, width);
  return tile >= height && (tile >= width || vae instanceof AutoencoderKL);
}

/** Whether h × w latent pixels run at once within the budget and the largest buffer of the device. */
function fits({ vae, part, input, options, batch }: Job, height: number, width: number): boolean {
  const pixels = batch * height * width * vae.stride ** 2;
  const { maxBufferSize } = input.device.capabilities.limits;
  return (
    wholeBytes(vae, part, pixels) <= budgetOf(options) && largestMapBytes(vae, part, pixels) <= maxBufferSize
  );
}

const budgetOf = ({ memoryBudget = 2 * 2 ** 30 }: TilingOptions) => memoryBudget;

async function runWhole({ vae, part, input, options: { onProgress, signal } }: Job): Promise<Tensor> {
  onProgress?.({ done: 0, total: 1 });
  const result = part === 'encoder' ? vae.encode(input) : vae.decode(input);
  await input.device.synchronize();
  signal?.throwIfAborted();
  onProgress?.({ done: 1, total: 1 });
  return result;
}

async function runInPieces(scope: Scope, job: Job): Promise<Tensor> {
  const { vae, part, input, options } = job;
  if (vae instanceof AutoencoderKL) {
    const inBands = part === 'encoder' ? encodeInBands : decodeInBands;
    return await inBands(scope, vae, input, { ...options, ...chooseBands(vae, job) });
  }
  const [unit, scale] = part === 'encoder' ? [vae.stride, 1] : [1, vae.stride];
  const results = await runTiles(scope, {
    ...options,
    input,
    unit,
    size: chooseTiles(job),
    compute: (piece) => new Map([[scale, part === 'encoder' ? vae.encode(piece) : vae.decode(piece)]]),
  });
  return results.get(scale) as Tensor;
}

function chooseTiles(job: Job): TileSize {
  const { options, height, width } = job;
  const overlap = options.overlap ?? defaultOverlap;
  const tile =
    options.tile ?? largestTile({ height, width }, { step: 8, overlap }, (h, w) => fits(job, h, w));
  return { tile, overlap };
}

/** Keeps enlarged maps, which is quicker, where the budget has room for them, and takes the highest bands that it has. */
function chooseBands(vae: AutoencoderKL, { part, options, batch, height, width }: Job): BandPlan {
  const image = { width: batch * width * vae.stride, pixels: batch * height * width * vae.stride ** 2 };
  const fitting = (plan: BandPlan) => bandBytes(vae, part, image, plan) <= budgetOf(options);
  const heights = options.tile === undefined ? halvings(height) : [options.tile];
  const plans = [true, false].flatMap((keepEnlarged) => heights.map((rows) => ({ rows, keepEnlarged })));
  return plans.find(fitting) ?? (plans.at(-1) as BandPlan);
}

/** Half, a quarter, … down to 1. */
function halvings(size: number): number[] {
  const half = Math.ceil(size / 2);
  return half <= 1 ? [1] : [half, ...halvings(half)];
}
