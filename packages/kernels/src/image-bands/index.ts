import type { Limits } from '../capabilities.ts';
import { AllocationError } from '../errors.ts';
import type { BufferRange, GpuBuffer } from '../runtime/index.ts';

/** Consecutive rows of [B, H, W, C]: whole images, or some rows of one. */
export interface Rows {
  readonly image: number;
  readonly images: number;
  readonly row: number;
  readonly rows: number;
}

/** Output rows that one dispatch writes, and the rows of the source that it reads for them. */
export interface Piece {
  readonly out: Rows;
  readonly source: Rows;
}

/** One side of an operation on images: `rowBytes` bytes for each of `height` rows of each image. */
export interface RowLayout {
  readonly height: number;
  readonly rowBytes: number;
}

export interface PieceRequest {
  readonly op: string;
  readonly images: number;
  readonly source: RowLayout;
  readonly out: RowLayout;
  /** The source rows that `rows` output rows from `row` need; at least one, halo included. */
  readonly sourceRows: (row: number, rows: number) => { readonly first: number; readonly count: number };
}

/**
 * Splits an operation on images whose rows depend on neighbouring rows into pieces that each fit one binding on both
 * sides: one piece where everything fits, else groups of images, else row bands of one image.
 *
 * @throws AllocationError `binding-too-large` when a single output row or its source rows do not fit
 */
export function imagePieces(request: PieceRequest, limits: Limits): Piece[] {
  return split(request, limits, { image: 0, images: request.images, row: 0, rows: request.out.height });
}

function split(request: PieceRequest, limits: Limits, out: Rows): Piece[] {
  const { op } = request;
  const { first, count } =
    out.images > 1 ? { first: 0, count: request.source.height } : request.sourceRows(out.row, out.rows);
  const source = { image: out.image, images: out.images, row: first, rows: count };
  const bytes = Math.max(span(out, request.out, limits).size, span(source, request.source, limits).size);
  const limit = limits.maxStorageBufferBindingSize;
  if (bytes <= limit) return [{ out, source }];

  const unit = out.images > 1 ? out.images : out.rows;
  if (unit <= 1) {
    throw new AllocationError(
      'binding-too-large',
      `${op}: one row of the result and the rows that it is made from have ${bytes} bytes, a binding holds ${limit}`,
      'Work on smaller pieces: pass a smaller `tile`.',
    );
  }
  const step = Math.ceil(unit / Math.max(2, Math.ceil(bytes / limit)));
  const parts: Piece[] = [];
  for (let at = 0; at < unit; at += step) {
    const size = Math.min(step, unit - at);
    const part =
      out.images > 1
        ? { ...out, image: out.image + at, images: size }
        : { ...out, row: out.row + at, rows: size };
    parts.push(...split(request, limits, part));
  }
  return parts;
}

/**
 * Binds rows of a buffer. A binding starts at a multiple of the device's alignment, so what is bound may begin before
 * the rows do: `offset` elements of `elementBytes` bytes before (a power of two up to 256).
 */
export function rowsRange(
  buffer: GpuBuffer,
  rows: Rows,
  layout: RowLayout,
  elementBytes: number,
  limits: Limits,
): { range: BufferRange; offset: number } {
  const { start, size, skipped } = span(rows, layout, limits);
  return { range: { buffer, offset: start, size: Math.max(4, size) }, offset: skipped / elementBytes };
}

function span(rows: Rows, { height, rowBytes }: RowLayout, limits: Limits) {
  const first = (rows.image * height + rows.row) * rowBytes;
  const bytes = rows.images > 1 ? rows.images * height * rowBytes : rows.rows * rowBytes;
  const start = first - (first % limits.minStorageBufferOffsetAlignment);
  return { start, size: first - start + bytes, skipped: first - start };
}
