import type { Device, GpuBuffer } from '../runtime/index.ts';
import { axisSteps, type Planes, type Step } from './steps.ts';

/** Channels-last images; complex ones are [2, B, H, W, C], the real parts first. */
export interface Fft2dShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export interface Fft2dOptions {
  /** x is real, [B, H, W, C], rather than complex. */
  readonly real: boolean;
  readonly inverse: boolean;
  /** Factor of the result: 1 leaves the plain sums, of the inverse too. */
  readonly scale: number;
}

/** What a transform reads and writes. */
export interface Ends {
  readonly x: Planes;
  readonly out: Planes;
  readonly real: boolean;
  readonly magnitude: boolean;
  readonly scale: number;
}

/**
 * Records out [2, B, H, W, C], the 2-D transform of x over H and W: along rows, then along columns. Any size.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when out or an intermediate does not fit one
 *   binding, `buffer-too-large`, `out-of-memory`
 */
export function fft2d(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: Fft2dShape,
  { real, inverse, scale }: Fft2dOptions,
): void {
  const { batch, height, width, channels } = shape;
  const plane = batch * height * width * channels;
  if (plane === 0) return;
  const planes = (range: GpuBuffer) => complexPlanes(range, plane, inverse);
  recordSteps(device, transformSteps(device, shape), {
    x: real ? { range: x, re: 0, im: 0 } : planes(x),
    out: planes(out),
    real,
    magnitude: false,
    scale,
  });
}

/** The planes of a whole buffer, exchanged for an inverse transform: F⁻¹(z) is F of z with its parts exchanged. */
export function complexPlanes(range: GpuBuffer, plane: number, inverse: boolean): Planes {
  return inverse ? { range, re: plane, im: 0 } : { range, re: 0, im: plane };
}

/** The dispatches of a transform over H and W. */
export function transformSteps(device: Device, { batch, height, width, channels }: Fft2dShape): Step[] {
  const rows = { outer: batch * height, length: width, inner: channels };
  const columns = { outer: batch, length: height, inner: width * channels };
  return [
    ...(width > 1 || height === 1 ? axisSteps(device, rows) : []),
    ...(height > 1 ? axisSteps(device, columns) : []),
  ];
}

/** Records the steps one after the other, each into a buffer that lives until the next one has read it. */
export function recordSteps(device: Device, all: readonly Step[], ends: Ends): void {
  let source = ends.x;
  let between: GpuBuffer | undefined;
  for (const [index, step] of all.entries()) {
    const isLast = index === all.length - 1;
    const next = isLast ? undefined : device.allocate(8 * step.values, 'fft2d');
    const [re, im] = step.exchanges ? [step.values, 0] : [0, step.values];
    const out = next ? { range: next, re, im } : ends.out;
    try {
      step.record(device, {
        source,
        out,
        real: index === 0 && ends.real,
        magnitude: isLast && ends.magnitude,
        scale: isLast ? ends.scale : 1,
      });
    } catch (error) {
      next?.release();
      throw error;
    } finally {
      between?.release();
    }
    between = next;
    source = { ...out, re: 0, im: step.values };
  }
}
