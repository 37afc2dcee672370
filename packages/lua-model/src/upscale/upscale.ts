import { ShapeError } from '@lua-webgpu/kernels';
import { joinScopes, type Scope, type Tensor } from '@lua-webgpu/tensor';
import type { Lua } from '../network/index.ts';
import {
  largestTile,
  pieceSizes,
  requireFinite,
  runTiles,
  type TileProgress,
  type TileSize,
} from '../tiling/index.ts';
import { boundToInput, checkBound } from './bound.ts';
import { CapturedForwards } from './captured-forward.ts';
import { forwardBytes } from './memory.ts';

export type UpscaleProgress = TileProgress;

export interface UpscaleOptions {
  /** Side of a tile's core in latent pixels, a multiple of the window. Default: whole where `memoryBudget` allows. */
  readonly tile?: number | undefined;
  /**
   * Pixels read beyond the core on each inner side, a multiple of the window and at least one. Default: two windows.
   * With one, what a trained model computes beside a border differs from the whole about a hundred times more.
   */
  readonly overlap?: number | undefined;
  /** Device memory that forward passes may take, in bytes, beside the weights; 2 GiB. */
  readonly memoryBudget?: number | undefined;
  /**
   * Keeps each channel of the result within the latent's range there, widened by this share of it at both ends. Default: no
   * bound. For latents unlike those of the training, of which a network may make values that a decoder shows as streaks.
   */
  readonly bound?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: UpscaleProgress) => void) | undefined;
}

/**
 * Upscales a latent in one forward pass, or tile by tile where it is large.
 *
 * @param latent decoder-ready [B, C, h, w], any B, h, w ≥ 1
 * @returns [B, C, s·h, s·w] in the latent's scope
 * @throws ShapeError `latent-shape`, `latent-channels`, `scale-missing`, `tile-size`, `upscale-bound`
 * @throws NonFiniteError `non-finite` for NaN or infinity in the latent or the result
 * @throws the signal's reason when aborted; nothing is left in use
 */
export async function upscale(
  model: Lua,
  latent: Tensor,
  options: UpscaleOptions & { readonly scale: number },
): Promise<Tensor> {
  const results = await upscaleAll(model, latent, { ...options, scales: [options.scale] });
  return results.get(options.scale) as Tensor;
}

/** As `upscale`, for several scales at once: the trunk runs once per tile. Throws what `upscale` throws. */
export async function upscaleAll(model: Lua, latent: Tensor, options: Options): Promise<Map<number, Tensor>> {
  const { scales, signal, bound } = options;
  signal?.throwIfAborted();
  checkBound(bound);
  model.check(latent, scales);
  await requireFinite(latent, 'the latent');
  signal?.throwIfAborted();
  using scope = joinScopes('upscale', [latent]).child();
  const input = scope.borrow(latent);
  const size = chooseTiles(model, input, options);
  const results = size
    ? await runInTiles(scope, model, input, size, options)
    : await runWhole(model, input, options);
  for (const [scale, result] of results) await requireFinite(result, `the ×${scale} result`);
  signal?.throwIfAborted();
  const finished = (result: Tensor) =>
    bound === undefined ? result : boundToInput(scope, input, result, bound);
  return new Map(scales.map((scale) => [scale, scope.keep(finished(results.get(scale) as Tensor))]));
}

type Options = UpscaleOptions & { readonly scales: readonly number[] };

const budgetOf = ({ memoryBudget = 2 * 2 ** 30 }: Options) => memoryBudget;

/** Bytes that a forward pass of these sides takes. */
function bytesOf(model: Lua, batch: number, height: number, width: number, { scales }: Options): number {
  const aligned = (size: number) => Math.ceil(size / model.alignment) * model.alignment;
  return forwardBytes(model.config, batch * aligned(height) * aligned(width), scales);
}

/** Undefined where the whole runs at once. */
function chooseTiles(model: Lua, latent: Tensor, options: Options): TileSize | undefined {
  const [batch = 0, , height = 0, width = 0] = latent.shape;
  const step = model.alignment;
  const overlap = options.overlap ?? 2 * step;
  const fits = (h: number, w: number) => bytesOf(model, batch, h, w, options) <= budgetOf(options);
  const largest = () => largestTile({ height, width }, { step, overlap }, fits);
  const tile = options.tile ?? (fits(height, width) ? undefined : largest());
  for (const [name, value] of Object.entries({ tile, overlap })) {
    if (value !== undefined && !(value > 0 && value % step === 0)) {
      throw new ShapeError(
        'tile-size',
        `${name} ${value} is no multiple of the window`,
        `Use ${step}, ${2 * step}, …`,
      );
    }
  }
  return tile === undefined || (tile >= height && tile >= width) ? undefined : { tile, overlap };
}

/** Replays the pass of each shape of tile where the budget has room for all of them at once. */
async function runInTiles(
  scope: Scope,
  model: Lua,
  input: Tensor,
  size: TileSize,
  options: Options,
): Promise<Map<number, Tensor>> {
  const { scales } = options;
  const [batch = 0] = input.shape;
  const bytes = pieceSizes(input.shape, size).reduce(
    (sum, [h, w]) => sum + bytesOf(model, batch, h, w, options),
    0,
  );
  using forwards = new CapturedForwards(model, scales);
  const compute =
    bytes <= budgetOf(options)
      ? (piece: Tensor) => forwards.run(piece)
      : (piece: Tensor) => model.forward(piece, scales);
  return await runTiles(scope, { ...options, input, unit: 1, size, compute });
}

async function runWhole(
  model: Lua,
  latent: Tensor,
  { scales, onProgress, signal }: Options,
): Promise<Map<number, Tensor>> {
  onProgress?.({ done: 0, total: 1 });
  const results = model.forward(latent, scales);
  await latent.device.synchronize();
  signal?.throwIfAborted();
  onProgress?.({ done: 1, total: 1 });
  return results;
}
