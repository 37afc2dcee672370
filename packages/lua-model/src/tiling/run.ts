import { blendTile } from '@lua-webgpu/kernels';
import { formatShape, type Scope, type Shape, slice, type Tensor } from '@lua-webgpu/tensor';
import { cutAxis, type Span } from './axis.ts';

/** In units: the pixels of whichever side of the computation is the coarser. */
export interface TileSize {
  /** Side of a tile's core. */
  readonly tile: number;
  /** Units read beyond the core on each inner side. */
  readonly overlap: number;
}

export interface TileProgress {
  /** Tiles finished and tiles in all; one tile when the whole runs at once. */
  readonly done: number;
  readonly total: number;
}

export interface TiledRun {
  /** [B, C, H, W] */
  readonly input: Tensor;
  /** Pixels of the input along the side of a unit. */
  readonly unit: number;
  readonly size: TileSize;
  /** Results [B, C', s · h, s · w] of a piece of h × w units, by s. */
  compute(piece: Tensor): ReadonlyMap<number, Tensor>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TileProgress) => void) | undefined;
}

/** The sizes [height, width] that pieces of this input have where a unit is a pixel, each once. */
export function pieceSizes(shape: Shape, { tile, overlap }: TileSize): [number, number][] {
  const sizes = (side: number) => [...new Set(cutAxis(side, tile, overlap).map(({ from, to }) => to - from))];
  const [, , height = 0, width = 0] = shape;
  return sizes(height).flatMap((h) => sizes(width).map((w): [number, number] => [h, w]));
}

/**
 * Computes tile by tile and blends the results, which are tensors of `scope`.
 * @throws the signal's reason when aborted
 */
export async function runTiles(scope: Scope, run: TiledRun): Promise<Map<number, Tensor>> {
  const { input, unit, size, signal, onProgress } = run;
  const [batch = 0, channels = 0, height = 0, width = 0] = input.shape;
  const rows = cutAxis(height / unit, size.tile, size.overlap);
  const columns = cutAxis(width / unit, size.tile, size.overlap);
  const results = new Map<number, Tensor>();
  let done = 0;
  onProgress?.({ done, total: rows.length * columns.length });
  for (const row of rows) {
    for (const column of columns) {
      using inner = scope.child();
      const starts = [0, 0, row.from * unit, column.from * unit];
      const sizes = [batch, channels, (row.to - row.from) * unit, (column.to - column.from) * unit];
      const piece = slice(inner.borrow(input), starts, sizes);
      for (const [scale, output] of run.compute(piece)) {
        let result = results.get(scale);
        if (!result) {
          const planes = output.shape[1] as number;
          const sides = [(height / unit) * scale, (width / unit) * scale];
          result = scope.empty([batch, planes, ...sides], 'f32', 'blended tiles');
          input.device.clear(result.buffer());
          results.set(scale, result);
        }
        addTile(inner, result, output, row, column, scale);
      }
      // Keeps the queue short, so that cancelling is prompt and progress is what has really been done.
      await input.device.synchronize();
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
      out: result.buffer(`tiles ${formatShape(result.shape)}`),
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
