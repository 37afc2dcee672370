import { type Device, type Family, type GpuBuffer, pick } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/** out[kh, kw, Cout, Cin] of weight[kh, kw, Cin, Cout], mirrored in both directions. */
export interface TransposeWeightShape {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly cin: number;
  readonly cout: number;
}

export const conv2dTransposeWeightScalar = defineKernel({
  name: 'conv2d-transpose-weight/scalar',
  source: shaders['conv2d-transpose-weight/scalar.wgsl'],
  bindings: { weight: read('f32'), out: write('f32') },
  params: { taps: 'u32', cin: 'u32', cout: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ taps, cin, cout }) => foldGrid(Math.ceil((taps * cin * cout) / 64)),
  cost: ({ taps, cin, cout }) => ({ flops: 0, bytes: 8 * taps * cin * cout }),
});

export const conv2dTransposeWeightFamily: Family<TransposeWeightShape> = {
  name: 'conv2d-transpose-weight',
  variants: [{ name: 'scalar', kernel: conv2dTransposeWeightScalar, constants: () => ({}) }],
};

/**
 * Records the weight with which a convolution of the gradient gives the gradient of a convolution's input.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function conv2dTransposeWeight(
  device: Device,
  buffers: { readonly weight: GpuBuffer; readonly out: GpuBuffer },
  shape: TransposeWeightShape,
): void {
  const { kernelHeight, kernelWidth, cin, cout } = shape;
  const taps = kernelHeight * kernelWidth;
  if (taps * cin * cout === 0) return;
  pick(conv2dTransposeWeightFamily, device, shape);
  device.dispatch(conv2dTransposeWeightScalar, { buffers, params: { taps, cin, cout } });
}
