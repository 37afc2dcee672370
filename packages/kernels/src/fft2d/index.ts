import type { Device, GpuBuffer } from '../runtime/index.ts';
import { axisSteps, type Planes, type Step } from './steps.ts';

export { fftLine, fftModulate, fftPassAny, fftPasses } from './kernels.ts';
export { type AxisShape as FftAxisShape, fft2dFamily } from './steps.ts';

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
  /** The inverse transform, divided by H·W, rather than the forward one, unscaled. */
  readonly inverse: boolean;
}

interface Ends {
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
  { real, inverse }: Fft2dOptions,
): void {
  const { batch, height, width, channels } = shape;
  const plane = batch * height * width * channels;
  if (plane === 0) return;
  const planes = (range: GpuBuffer): Planes =>
    inverse ? { range, re: plane, im: 0 } : { range, re: 0, im: plane };
  record(device, steps(device, shape), {
    x: real ? { range: x, re: 0, im: 0 } : planes(x),
    out: planes(out),
    real,
    magnitude: false,
    scale: inverse ? 1 / (height * width) : 1,
  });
}

/**
 * Records out = |F(x)|, both [B, H, W, C]; right wherever float32 can hold the spectrum, without overflow or underflow
 * of its squares. Works on as many images at a time as fit one binding.
 * @throws as `fft2d`
 */
export function fft2dMagnitude(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: Fft2dShape,
): void {
  const { batch, height, width, channels } = shape;
  const image = height * width * channels;
  if (batch * image === 0) return;
  const { maxStorageBufferBindingSize: limit, minStorageBufferOffsetAlignment: alignment } =
    device.capabilities.limits;
  const widest = Math.max(...steps(device, { ...shape, batch: 1 }).map(({ values }) => values));
  // A binding may begin up to one alignment before its first image.
  const images = Math.max(1, Math.floor((limit - alignment) / (8 * widest)));
  for (let first = 0; first < batch; first += images) {
    const count = Math.min(images, batch - first);
    const part = (buffer: GpuBuffer): Planes => {
      const start = 4 * first * image;
      const offset = start - (start % alignment);
      const range = { buffer, offset, size: start - offset + 4 * count * image };
      return { range, re: (start - offset) / 4, im: 0 };
    };
    record(device, steps(device, { ...shape, batch: count }), {
      x: part(x),
      out: part(out),
      real: true,
      magnitude: true,
      scale: 1,
    });
  }
}

function steps(device: Device, { batch, height, width, channels }: Fft2dShape): Step[] {
  const rows = { outer: batch * height, length: width, inner: channels };
  const columns = { outer: batch, length: height, inner: width * channels };
  return [
    ...(width > 1 || height === 1 ? axisSteps(device, rows) : []),
    ...(height > 1 ? axisSteps(device, columns) : []),
  ];
}

/** Records the steps one after the other, each into a buffer that lives until the next one has read it. */
function record(device: Device, all: readonly Step[], ends: Ends): void {
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
