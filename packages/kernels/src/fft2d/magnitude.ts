import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { fftPhaseKernel } from './kernels.ts';
import type { Planes } from './steps.ts';
import { complexPlanes, type Fft2dShape, recordSteps, transformSteps } from './transform.ts';

/** Elements of one image, all of its channels. */
interface PhaseShape {
  readonly image: number;
}

type PhaseVariant = Variant<PhaseShape> & { readonly lanes: number };

/** The middle step of the gradient of the magnitudes. */
export const fftPhaseFamily: Family<PhaseShape, PhaseVariant> = {
  name: 'fft-phase',
  variants: [
    {
      name: 'vector',
      kernel: fftPhaseKernel,
      constants: () => ({ VECTOR: true }),
      refuses: ({ image }) => (image % 4 === 0 ? undefined : 'takes images of a multiple of 4 elements'),
      lanes: 4,
    },
    { name: 'scalar', kernel: fftPhaseKernel, constants: () => ({ VECTOR: false }), lanes: 1 },
  ],
};

/**
 * Records out = |F(x)|, both [B, H, W, C]; right wherever float32 can hold the spectrum, without overflow or underflow
 * of its squares. Works on as many images at a time as fit one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when the spectrum of one image does not fit
 *   one binding, `buffer-too-large`, `out-of-memory`
 */
export function fft2dMagnitude(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: Fft2dShape,
): void {
  for (const group of groupsOf(device, shape)) {
    recordSteps(device, transformSteps(device, group.shape), {
      x: group.part(x),
      out: group.part(out),
      real: true,
      magnitude: true,
      scale: 1,
    });
  }
}

/**
 * Records out = the gradient of Σ gradient · |F(x)| with respect to x, all [B, H, W, C]: the real part of the plain
 * inverse transform of gradient · F/|F|, which counts as 0 where F is 0. In the groups of `fft2dMagnitude`.
 * @throws as `fft2dMagnitude`
 */
export function fft2dMagnitudeGradient(
  device: Device,
  { x, gradient, out }: { readonly x: GpuBuffer; readonly gradient: GpuBuffer; readonly out: GpuBuffer },
  shape: Fft2dShape,
): void {
  const image = shape.height * shape.width * shape.channels;
  for (const group of groupsOf(device, shape)) {
    const steps = transformSteps(device, group.shape);
    const variant = pick(fftPhaseFamily, device, { image });
    const values = group.shape.batch * image;
    const common = { real: false, magnitude: false, scale: 1 };
    const spectrum = device.allocate(8 * values, 'fft2dMagnitudeGradient');
    try {
      const forward = complexPlanes(spectrum, values, false);
      recordSteps(device, steps, { ...common, x: group.part(x), out: forward, real: true });
      const given = group.part(gradient);
      device.dispatch(fftPhaseKernel, {
        buffers: { gradient: given.range, spectrum },
        params: { count: values / variant.lanes, gradient_offset: given.re / variant.lanes },
        constants: variant.constants({ image }),
      });
      const back = device.allocate(8 * values, 'fft2dMagnitudeGradient');
      try {
        const source = complexPlanes(spectrum, values, true);
        recordSteps(device, steps, { ...common, x: source, out: complexPlanes(back, values, true) });
        device.copy(back, 0, out, 4 * group.first * image, 4 * values);
      } finally {
        back.release();
      }
    } finally {
      spectrum.release();
    }
  }
}

interface ImageGroup {
  readonly first: number;
  readonly shape: Fft2dShape;
  /** The images of the group in a buffer of real ones. */
  part(buffer: GpuBuffer): Planes;
}

/** As many images at a time as have a spectrum and intermediates that fit one binding; at least one. */
function groupsOf(device: Device, shape: Fft2dShape): ImageGroup[] {
  const { batch, height, width, channels } = shape;
  const image = height * width * channels;
  if (batch * image === 0) return [];
  const { maxStorageBufferBindingSize: limit, minStorageBufferOffsetAlignment: alignment } =
    device.capabilities.limits;
  const widest = Math.max(...transformSteps(device, { ...shape, batch: 1 }).map(({ values }) => values));
  // A binding may begin up to one alignment before its first image.
  const images = Math.max(1, Math.floor((limit - alignment) / (8 * widest)));
  return Array.from({ length: Math.ceil(batch / images) }, (_, index) => {
    const first = index * images;
    const count = Math.min(images, batch - first);
    return {
      first,
      shape: { ...shape, batch: count },
      part(buffer) {
        const start = 4 * first * image;
        const offset = start - (start % alignment);
        const range = { buffer, offset, size: start - offset + 4 * count * image };
        return { range, re: (start - offset) / 4, im: 0 };
      },
    };
  });
}
