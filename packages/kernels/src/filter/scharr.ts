import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/** out[2, B, H, W, C], the gradients along x and y, of x[B, H, W, C]. */
export interface ScharrShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

const kernel = (name: 'scharr' | 'scharr-transposed') =>
  defineKernel({
    name: `filter/${name}`,
    source: shaders[`filter/${name}.wgsl`],
    constants: { VECTOR: [false, true] },
    bindings: { source: read('Element'), out: write('Element') },
    params: { images: 'u32', height: 'u32', width: 'u32', channels: 'u32' },
    workgroup: () => [64, 1, 1],
    grid: ({ images, height, width, channels }) =>
      foldGrid(Math.ceil((images * height * width * channels) / 64)),
    cost: ({ images, height, width, channels }, { VECTOR }) => {
      const elements = images * height * width * channels * (VECTOR === true ? 4 : 1);
      return { flops: 14 * elements, bytes: 12 * elements };
    },
  });

export const scharrKernel = kernel('scharr');
export const scharrTransposedKernel = kernel('scharr-transposed');

type ScharrVariant = Variant<ScharrShape> & { readonly lanes: number };

const family = (name: string, kernel: typeof scharrKernel): Family<ScharrShape, ScharrVariant> => ({
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

export const scharrFamily = family('scharr', scharrKernel);
export const scharrTransposedFamily = family('scharr-transposed', scharrTransposedKernel);

/**
 * Records both gradients in one dispatch.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when out does not fit one binding
 */
export function scharr(
  device: Device,
  buffers: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: ScharrShape,
): void {
  record(device, buffers, shape, scharrFamily);
}

/**
 * Records the transpose: out [B, H, W, C] of x [2, B, H, W, C], which holds what arrived at both gradients.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when x does not fit one binding
 */
export function scharrTransposed(
  device: Device,
  buffers: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: ScharrShape,
): void {
  record(device, buffers, shape, scharrTransposedFamily);
}

function record(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: ScharrShape,
  choice: typeof scharrFamily,
): void {
  const { batch, height, width, channels } = shape;
  if (batch * height * width * channels === 0) return;
  const variant = pick(choice, device, shape);
  device.dispatch(choice === scharrFamily ? scharrKernel : scharrTransposedKernel, {
    buffers: { source: x, out },
    params: { images: batch, height, width, channels: channels / variant.lanes },
    constants: variant.constants(shape),
  });
}
