import { contiguousStrides } from '../regions/index.ts';
import type { Device, GpuBuffer } from '../runtime/index.ts';
import { copyStrided } from './copy.ts';

export {
  type Access,
  contiguousStrides,
  type Region,
  splitRegion,
  type Window,
  windowOf,
} from '../regions/index.ts';
export { type CopyShape, copyFamily, copyScalar, copyStrided, copyVector } from './copy.ts';

export interface CopyBuffers {
  readonly x: GpuBuffer;
  readonly out: GpuBuffer;
}

/**
 * Records out[c_axes[0], c_axes[1], …] = x[c_0, c_1, …]: axis k of out is axis `axes[k]` of x. 32-bit elements, up to
 * five axes.
 * @throws KernelError `kernel-forced`
 */
export function permute(
  device: Device,
  buffers: CopyBuffers,
  shape: { readonly sizes: readonly number[]; readonly axes: readonly number[] },
): void {
  const strides = contiguousStrides(shape.sizes);
  const sizes = shape.axes.map((axis) => shape.sizes[axis] ?? 0);
  copyStrided(device, buffers, {
    sizes,
    xFirst: 0,
    xStrides: shape.axes.map((axis) => strides[axis] ?? 0),
    outFirst: 0,
    outStrides: contiguousStrides(sizes),
  });
}

/**
 * Records out = x[starts … starts + sizes) along every axis. 32-bit elements, up to five axes.
 * @throws KernelError `kernel-forced`
 */
export function slice(
  device: Device,
  buffers: CopyBuffers,
  shape: {
    readonly xSizes: readonly number[];
    readonly starts: readonly number[];
    readonly sizes: readonly number[];
  },
): void {
  const xStrides = contiguousStrides(shape.xSizes);
  copyStrided(device, buffers, {
    sizes: shape.sizes,
    xFirst: shape.starts.reduce((sum, start, axis) => sum + start * (xStrides[axis] ?? 0), 0),
    xStrides,
    outFirst: 0,
    outStrides: contiguousStrides(shape.sizes),
  });
}

/**
 * Records out[…, start + i, …] = x[…, i, …] along `axis`: one operand of a concatenation. 32-bit elements, up to five
 * axes.
 * @throws KernelError `kernel-forced`
 */
export function place(
  device: Device,
  buffers: CopyBuffers,
  shape: {
    readonly sizes: readonly number[];
    readonly outSizes: readonly number[];
    readonly axis: number;
    readonly start: number;
  },
): void {
  const outStrides = contiguousStrides(shape.outSizes);
  copyStrided(device, buffers, {
    sizes: shape.sizes,
    xFirst: 0,
    xStrides: contiguousStrides(shape.sizes),
    outFirst: shape.start * (outStrides[shape.axis] ?? 0),
    outStrides,
  });
}

/**
 * Records out = x repeated to `sizes` by NumPy's rules. 32-bit elements, up to five axes.
 * @throws KernelError `kernel-forced`
 */
export function expand(
  device: Device,
  buffers: CopyBuffers,
  shape: { readonly xSizes: readonly number[]; readonly sizes: readonly number[] },
): void {
  const own = contiguousStrides(shape.xSizes);
  const added = shape.sizes.length - shape.xSizes.length;
  copyStrided(device, buffers, {
    sizes: shape.sizes,
    xFirst: 0,
    xStrides: shape.sizes.map((_, axis) =>
      (shape.xSizes[axis - added] ?? 1) === 1 ? 0 : (own[axis - added] ?? 0),
    ),
    outFirst: 0,
    outStrides: contiguousStrides(shape.sizes),
  });
}

/**
 * Records out[starts … starts + sizes) = x along every axis, and zeros elsewhere. 32-bit elements, up to five axes.
 * @throws KernelError `kernel-forced`
 */
export function embed(
  device: Device,
  buffers: CopyBuffers,
  shape: {
    readonly sizes: readonly number[];
    readonly starts: readonly number[];
    readonly outSizes: readonly number[];
  },
): void {
  const outStrides = contiguousStrides(shape.outSizes);
  if (shape.sizes.some((size, axis) => size !== shape.outSizes[axis])) device.clear(buffers.out);
  copyStrided(device, buffers, {
    sizes: shape.sizes,
    xFirst: 0,
    xStrides: contiguousStrides(shape.sizes),
    outFirst: shape.starts.reduce((sum, start, axis) => sum + start * (outStrides[axis] ?? 0), 0),
    outStrides,
  });
}
