import type { Limits } from '../capabilities.ts';
import { imagePieces, type Piece, rowsRange } from '../image-bands/index.ts';
import type { BufferRange, GpuBuffer } from '../runtime/index.ts';

/** Zero rows and columns around an image. */
export interface Padding {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** A convolution of x[B, H, W, Cin] with a weight[kh, kw, Cin, Cout] to [B, Ho, Wo, Cout]. */
export interface Conv2dGeometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly cin: number;
  readonly cout: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padding: Padding;
}

/** Ho and Wo; 0 or less where the padded image is smaller than the kernel. */
export function conv2dOutputSize(
  shape: Pick<Conv2dGeometry, 'height' | 'width' | 'kernelHeight' | 'kernelWidth' | 'stride' | 'padding'>,
): { height: number; width: number } {
  const { height, width, kernelHeight, kernelWidth, stride, padding } = shape;
  return {
    height: Math.floor((height + padding.top + padding.bottom - kernelHeight) / stride) + 1,
    width: Math.floor((width + padding.left + padding.right - kernelWidth) / stride) + 1,
  };
}

/** Whether every output pixel reads the pixel in its own place alone. */
export function conv2dIsMatmul({ kernelHeight, kernelWidth, stride, padding }: Conv2dGeometry): boolean {
  const { top, bottom, left, right } = padding;
  return kernelHeight === 1 && kernelWidth === 1 && stride === 1 && top + bottom + left + right === 0;
}

/** One dispatch's share of the images: what is bound of x and of the output side, and where the taps lie in that. */
export interface Conv2dPiece {
  readonly x: BufferRange;
  readonly out: BufferRange;
  /** Rows of the output side in all of the piece's images. */
  readonly outRows: number;
  /** `height` rows of x per image are bound; offsets in elements of the binding. */
  readonly params: {
    readonly height: number;
    readonly width: number;
    readonly out_height: number;
    readonly out_width: number;
    readonly stride: number;
    readonly pad_top: number;
    readonly pad_left: number;
    readonly x_offset: number;
    readonly out_offset: number;
  };
}

/**
 * Cuts the images of a convolution, or of its gradient, into pieces that each fit one binding on both sides; `out` is
 * what has the shape of the output.
 * @param elementBytes of an element of the kernel's bindings
 * @throws AllocationError `binding-too-large` when one output row and the rows it is made from do not fit
 */
export function conv2dPieces(
  op: string,
  limits: Limits,
  buffers: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: Conv2dGeometry,
  elementBytes: number,
): Conv2dPiece[] {
  const size = conv2dOutputSize(shape);
  const source = { height: shape.height, rowBytes: 4 * shape.width * shape.cin };
  const out = { height: size.height, rowBytes: 4 * size.width * shape.cout };
  const sourceRows = (row: number, rows: number) => inputRows(shape, row, rows);
  const pieces = imagePieces({ op, images: shape.batch, source, out, sourceRows }, limits);
  return pieces.map((piece) => {
    const bound = rowsRange(buffers.x, piece.source, source, elementBytes, limits);
    const written = rowsRange(buffers.out, piece.out, out, elementBytes, limits);
    return {
      x: bound.range,
      out: written.range,
      outRows: piece.out.images * piece.out.rows,
      params: {
        ...pieceParams(shape, piece, size.width),
        x_offset: bound.offset,
        out_offset: written.offset,
      },
    };
  });
}

/** The rows of x that output rows read; one arbitrary row where all of them are padding. */
function inputRows({ height, kernelHeight, stride, padding }: Conv2dGeometry, row: number, rows: number) {
  const top = row * stride - padding.top;
  const bottom = top + (rows - 1) * stride + kernelHeight;
  const first = Math.max(0, Math.min(top, height - 1));
  return { first, count: Math.max(Math.min(1, height), Math.min(bottom, height) - first) };
}

function pieceParams({ width, stride, padding }: Conv2dGeometry, { out, source }: Piece, outWidth: number) {
  return {
    height: source.rows,
    width,
    out_height: out.rows,
    out_width: outWidth,
    stride,
    // Of the rows that are bound: may be negative where a band's first tap lies below the first bound row.
    pad_top: padding.top - out.row * stride + source.row,
    pad_left: padding.left,
  };
}
