import { blendTile, ShapeError } from '@lua-webgpu/kernels';
import { formatShape, joinScopes, type Scope, slice, type Tensor } from '@lua-webgpu/tensor';
import type { Lua } from '../network/index.ts';
import { requireFinite } from './finite.ts';
import { forwardBytes } from './memory.ts';
import { cutAxis, type Span } from './tiles.ts';

export interface UpscaleProgress {
  /** Tiles finished and tiles in all; one tile when the latent runs whole. */
  readonly done: number;
  readonly total: number;
}

export interface UpscaleOptions {
  /** Side of a tile's core in latent pixels, a multiple of the window. Default: whole where `memoryBudget` allows. */
  readonly tile?: number | undefined;
  /**
   * Pixels read beyond the core on each inner side, a multiple of the window and at least one. Default: two windows.
   * With one, what a trained model computes beside a border differs from the whole about a hundred times more.
   */
  readonly overlap?: number | undefined;
  /** Device memory that one forward may take, in bytes, beside the weights; 2 GiB. */
  readonly memoryBudget?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: UpscaleProgress) => void) | undefined;
}

/**
 * Upscales a latent in one forward pass, or tile by tile where it is large.
 *
 * @param latent decoder-ready [B, C, h, w], any B, h, w ≥ 1
 * @returns [B, C, s·h, s·w] in the latent's scope
 * @throws ShapeError `latent-shape`, `latent-channels`, `scale-missing`, `tile-size`
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

/** As `upscale`, for several scales at once: the trunk runs once per tile. */
export async function upscaleAll(
  model: Lua,
  latent: Tensor,
  options: UpscaleOptions & { readonly scales: readonly number[] },
): Promise<Map<number, Tensor>> {
  const { scales, signal } = options;
  signal?.throwIfAborted();
  model.check(latent, scales);
  await requireFinite(latent, 'the latent');
  signal?.throwIfAborted();
  using scope = joinScopes('upscale', [latent]).child();
  const input = scope.borrow(latent);
  const tiling = chooseTiling(model, input, options);
  const results = tiling
    ? await runTiles(model, scope, input, tiling, options)
    : await runWhole(model, input, options);
  for (const [scale, result] of results) await requireFinite(result, `the ×${scale} result`);
  signal?.throwIfAborted();
  return new Map(scales.map((scale) => [scale, scope.keep(results.get(scale) as Tensor)]));
}

interface Tiling {
  readonly tile: number;
  readonly overlap: number;
}

function chooseTiling(
  model: Lua,
  latent: Tensor,
  options: UpscaleOptions & { scales: readonly number[] },
): Tiling | undefined {
  const [batch = 0, , height = 0, width = 0] = latent.shape;
  const step = model.alignment;
  const overlap = options.overlap ?? 2 * step;
  const tile = options.tile ?? fittingTile(model, options, { batch, height, width, overlap });
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

/** The largest core whose forward fits the budget; undefined when the whole does. */
function fittingTile(
  model: Lua,
  options: UpscaleOptions & { scales: readonly number[] },
  { batch, height, width, overlap }: { batch: number; height: number; width: number; overlap: number },
): number | undefined {
  const budget = options.memoryBudget ?? 2 * 2 ** 30;
  const step = model.alignment;
  const aligned = (size: number) => Math.ceil(size / step) * step;
  const bytes = (h: number, w: number) =>
    forwardBytes(model.config, batch * aligned(h) * aligned(w), options.scales);
  if (bytes(height, width) <= budget) return undefined;
  for (let tile = aligned(Math.max(height, width)); tile > step; tile -= step) {
    const read = (size: number) => Math.min(size, tile + 2 * overlap);
    if (bytes(read(height), read(width)) <= budget) return tile;
  }
  return step;
}

async function runWhole(
  model: Lua,
  latent: Tensor,
  { scales, onProgress, signal }: UpscaleOptions & { scales: readonly number[] },
): Promise<Map<number, Tensor>> {
  onProgress?.({ done: 0, total: 1 });
  const results = model.forward(latent, scales);
  await latent.device.synchronize();
  signal?.throwIfAborted();
  onProgress?.({ done: 1, total: 1 });
  return results;
}

async function runTiles(
  model: Lua,
  scope: Scope,
  latent: Tensor,
  { tile, overlap }: Tiling,
  { scales, onProgress, signal }: UpscaleOptions & { scales: readonly number[] },
): Promise<Map<number, Tensor>> {
  const [batch = 0, channels = 0, height = 0, width = 0] = latent.shape;
  const rows = cutAxis(height, tile, overlap);
  const columns = cutAxis(width, tile, overlap);
  const results = new Map<number, Tensor>();
  let done = 0;
  onProgress?.({ done, total: rows.length * columns.length });
  for (const row of rows) {
    for (const column of columns) {
      using inner = scope.child();
      const sizes = [batch, channels, row.to - row.from, column.to - column.from];
      const piece = slice(inner.borrow(latent), [0, 0, row.from, column.from], sizes);
      for (const [scale, output] of model.forward(piece, scales)) {
        let result = results.get(scale);
        if (!result) {
          result = scope.empty(
            [batch, output.shape[1] as number, height * scale, width * scale],
            'f32',
            'upscaled latent',
          );
          latent.device.clear(result.buffer());
          results.set(scale, result);
        }
        addTile(inner, result, output, row, column, scale);
      }
      // Keeps the queue short, so that cancelling is prompt and progress is what has really been done.
      await latent.device.synchronize();
      signal?.throwIfAborted();
      done += 1;
      onProgress?.({ done, total: rows.length * columns.length });
    }
  }
  return results;
}

function addTile(scope: Scope, result: Tensor, output: Tensor, row: Span, column: Span, scale: number): void {
  const [batch = 0, channels = 0, tileHeight = 0, tileWidth = 0] = output.shape;
  const [, , height = 0, width = 0] = result.shape;
  const rowWeights = scope.tensor(row.weights(scale), [tileHeight]);
  const columnWeights = scope.tensor(column.weights(scale), [tileWidth]);
  blendTile(
    result.device,
    {
      tile: output.buffer(),
      rowWeights: rowWeights.buffer(),
      columnWeights: columnWeights.buffer(),
      out: result.buffer(`upscale ${formatShape(result.shape)}`),
    },
    {
      planes: batch * channels,
      tileHeight,
      tileWidth,
      height,
      width,
      top: row.from * scale,
      left: column.from * scale,
    },
  );
}
