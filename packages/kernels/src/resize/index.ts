import type { Device, GpuBuffer } from '../runtime/index.ts';
import { resampleAxis } from './axis.ts';
import { type ResizeMode, resizeRows, transposeRows } from './tables.ts';

export { type AxisMap, type AxisShape, resampleAxis, resizeAxis, resizeFamily } from './axis.ts';
export { type AxisRow, gatherRow, type ResizeMode, resizeRows, transposeRows } from './tables.ts';

/**
 * out[B, Ho, Wo, C] of x[B, H, W, C]; see `resizeRows` for the modes. `transposed` is the transpose of the resize from
 * Ho×Wo to H×W: the way that a gradient takes.
 */
export interface ResizeShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly mode: ResizeMode;
  readonly antialias: boolean;
  readonly transposed: boolean;
}

/**
 * Records a resize: one axis, then the other, through an intermediate that is as small as it can be. H and W are not 0
 * unless `transposed`.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`, `buffer-too-large`, `out-of-memory`
 */
export function resize(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: ResizeShape,
): void {
  const { batch, height, width, channels, outHeight, outWidth, mode, antialias, transposed } = shape;
  if (batch * outHeight * outWidth * channels === 0) return;
  if (height * width === 0) {
    device.clear(out);
    return;
  }
  const name = `${transposed ? 'transposed ' : ''}resize ${mode}${antialias ? ' antialias' : ''}`;
  const map = (from: number, to: number) => ({
    key: `${name} ${from} to ${to}`,
    rows: () =>
      transposed
        ? transposeRows(resizeRows(to, from, mode, antialias), to)
        : resizeRows(from, to, mode, antialias),
  });
  const rows = (source: GpuBuffer, to: GpuBuffer, columns: number) => {
    const axis = { outer: batch, from: height, to: outHeight, inner: columns * channels };
    resampleAxis(device, { source, out: to }, axis, map(height, outHeight));
  };
  const columns = (source: GpuBuffer, to: GpuBuffer, lines: number) => {
    const axis = { outer: batch * lines, from: width, to: outWidth, inner: channels };
    resampleAxis(device, { source, out: to }, axis, map(width, outWidth));
  };
  // Equal sides have the identity for weights, with every mode.
  if (height === outHeight && width === outWidth) {
    device.copy(x, 0, out, 0, out.byteLength);
    return;
  }
  if (height === outHeight) {
    columns(x, out, height);
    return;
  }
  if (width === outWidth) {
    rows(x, out, width);
    return;
  }
  const rowsFirst = outHeight * width <= height * outWidth;
  const pixels = rowsFirst ? outHeight * width : height * outWidth;
  const between = device.allocate(4 * batch * pixels * channels, 'resize');
  try {
    if (rowsFirst) {
      rows(x, between, width);
      columns(between, out, outHeight);
    } else {
      columns(x, between, height);
      rows(between, out, outWidth);
    }
  } finally {
    between.release();
  }
}
