import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { type AnyKernel, defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/** Variances of the size×size patches of x [B, H, W, C]: [B, ⌊H/size⌋, ⌊W/size⌋, C]. `size` is at least 2. */
export interface PatchVarianceShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly size: number;
}

const constants = { VECTOR: [false, true] };
const params = { images: 'u32', height: 'u32', width: 'u32', channels: 'u32', size: 'u32' } as const;
const lanesOf = (vector: unknown) => (vector === true ? 4 : 1);

export const patchVarianceKernel = defineKernel({
  name: 'patch-variance/forward',
  source: shaders['patch-variance/forward.wgsl'],
  constants,
  bindings: { x: read('Element'), out: write('Element') },
  params,
  workgroup: () => [64, 1, 1],
  grid: ({ images, height, width, channels, size }) =>
    foldGrid(Math.ceil((images * Math.floor(height / size) * Math.floor(width / size) * channels) / 64)),
  cost: ({ images, height, width, channels, size }, { VECTOR }) => {
    const elements = images * height * width * channels * lanesOf(VECTOR);
    return { flops: 4 * elements, bytes: 4 * elements * (1 + 1 / size ** 2) };
  },
});

export const patchVarianceGradientKernel = defineKernel({
  name: 'patch-variance/gradient',
  source: shaders['patch-variance/gradient.wgsl'],
  constants,
  bindings: { x: read('Element'), gradient: read('Element'), out: write('Element') },
  params,
  workgroup: () => [64, 1, 1],
  grid: ({ images, height, width, channels, size }) =>
    foldGrid(Math.ceil((images * Math.ceil(height / size) * Math.ceil(width / size) * channels) / 64)),
  cost: ({ images, height, width, channels, size }, { VECTOR }) => {
    const elements = images * height * width * channels * lanesOf(VECTOR);
    return { flops: 3 * elements, bytes: 4 * elements * (2 + 1 / size ** 2) };
  },
});

type PatchVariant = Variant<PatchVarianceShape> & { readonly lanes: number };

const family = (name: string, kernel: AnyKernel): Family<PatchVarianceShape, PatchVariant> => ({
  name,
  variants: [
    {
      name: 'vector',
      kernel,
      constants: () => ({ VECTOR: true }),
      refuses: ({ channels }) => (channels % 4 === 0 ? undefined : 'takes channels in multiples of 4'),
      lanes: 4,
    },
    { name: 'scalar', kernel, constants: () => ({ VECTOR: false }), lanes: 1 },
  ],
});

export const patchVarianceFamily = family('patch-variance', patchVarianceKernel);
export const patchVarianceGradientFamily = family('patch-variance-gradient', patchVarianceGradientKernel);

/**
 * Records out, the variance of each patch of x.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when x does not fit one binding
 */
export function patchVariance(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: PatchVarianceShape,
): void {
  const { batch, height, width, channels, size } = shape;
  if (batch * channels * Math.floor(height / size) * Math.floor(width / size) === 0) return;
  const variant = pick(patchVarianceFamily, device, shape);
  device.dispatch(patchVarianceKernel, {
    buffers: { x, out },
    params: { images: batch, height, width, channels: channels / variant.lanes, size },
    constants: variant.constants(shape),
  });
}

/**
 * Records out [B, H, W, C], the gradient with respect to x of Σ gradient · variance.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when x does not fit one binding
 */
export function patchVarianceGradient(
  device: Device,
  { x, gradient, out }: { readonly x: GpuBuffer; readonly gradient: GpuBuffer; readonly out: GpuBuffer },
  shape: PatchVarianceShape,
): void {
  const { batch, height, width, channels, size } = shape;
  if (batch * height * width * channels === 0) return;
  if (height < size || width < size) {
    device.clear(out);
    return;
  }
  const variant = pick(patchVarianceGradientFamily, device, shape);
  device.dispatch(patchVarianceGradientKernel, {
    buffers: { x, gradient, out },
    params: { images: batch, height, width, channels: channels / variant.lanes, size },
    constants: variant.constants(shape),
  });
}
