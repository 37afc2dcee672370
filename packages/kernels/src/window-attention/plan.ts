import type { Limits } from '../capabilities.ts';
import { AllocationError } from '../errors.ts';

/** The sizes of an attention inside the windows of images; see `windowAttention`. */
export interface WindowAttentionShape {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly heads: number;
  readonly headDim: number;
  readonly window: number;
  /** How far the image is rolled towards the top left before it is cut into windows; 0 for none. */
  readonly shift: number;
  readonly scale: number;
}

/** Window rows that one dispatch computes: of several whole images, or some of one image. */
export interface WindowPiece {
  readonly image: number;
  readonly images: number;
  /** Window rows per image. */
  readonly windowRows: number;
  /** First pixel row, in the image, of what is bound. */
  readonly row: number;
  /** The piece is the last window row of a shifted image: `row` to the image's end, then its first `shift` rows. */
  readonly wraps: boolean;
  /** How far the bound rows are rolled. */
  readonly rollY: number;
  /** The window row, within the piece, that straddles the image's edge. */
  readonly borderY: number | undefined;
}

/**
 * One piece where qkv fits a binding, else groups of whole images, else window rows of one image.
 *
 * @throws AllocationError `binding-too-large` when one row of windows does not fit
 */
export function windowPieces(shape: WindowAttentionShape, limits: Limits): WindowPiece[] {
  const { images, height, window, shift } = shape;
  const rowBytes = 4 * shape.width * 3 * shape.heads * shape.headDim;
  // Pieces may start between two offsets that the device can bind, and then bind a little more.
  const slack = limits.minStorageBufferOffsetAlignment;
  const fits = (rows: number) => rows * rowBytes + slack <= limits.maxStorageBufferBindingSize;
  const windowRows = height / window;
  const whole = {
    windowRows,
    row: 0,
    wraps: false,
    rollY: shift,
    borderY: shift > 0 ? windowRows - 1 : undefined,
  };
  if (images * height * rowBytes <= limits.maxStorageBufferBindingSize)
    return [{ ...whole, image: 0, images }];

  if (fits(height)) {
    const step = Math.floor((limits.maxStorageBufferBindingSize - slack) / (height * rowBytes));
    return starts(images, step).map((image) => ({ ...whole, image, images: Math.min(step, images - image) }));
  }
  if (!fits(window)) {
    throw new AllocationError(
      'binding-too-large',
      `window attention: a row of windows has ${window * rowBytes} bytes of q, k and v, a binding holds ${limits.maxStorageBufferBindingSize}`,
      'Work on smaller pieces: pass a smaller `tile`.',
    );
  }
  const step = Math.floor((limits.maxStorageBufferBindingSize - slack) / (window * rowBytes));
  const straight = shift > 0 ? windowRows - 1 : windowRows;
  const piece = { images: 1, wraps: false, rollY: 0, borderY: undefined };
  return starts(images, 1).flatMap((image) => [
    ...starts(straight, step).map((first) => ({
      ...piece,
      image,
      windowRows: Math.min(step, straight - first),
      row: first * window + shift,
    })),
    ...(shift > 0
      ? [{ ...piece, image, windowRows: 1, row: height - window + shift, wraps: true, borderY: 0 }]
      : []),
  ]);
}

const starts = (count: number, step: number) =>
  Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
