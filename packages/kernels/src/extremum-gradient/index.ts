import { bandRange, type Device, type Family, type GpuBuffer, pick, rowBands } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/** Rows of at least one element. */
export interface ExtremumGradientShape {
  readonly reduction: 'max' | 'min';
  readonly rows: number;
  readonly terms: number;
}

const common = {
  constants: { MIN: [false, true] },
  bindings: { x: read('f32'), gradient: read('f32'), out: write('f32') },
  params: { rows: 'u32', terms: 'u32' },
  cost: ({ rows, terms }: { rows: number; terms: number }) => ({
    flops: rows * terms,
    bytes: 8 * rows * terms,
  }),
} as const;

export const extremumGradientSerial = defineKernel({
  ...common,
  name: 'extremum-gradient/serial',
  source: shaders['extremum-gradient/serial.wgsl'],
  workgroup: () => [64, 1, 1],
  grid: ({ rows }) => foldGrid(Math.ceil(rows / 64)),
});

export const extremumGradientWorkgroup = defineKernel({
  ...common,
  name: 'extremum-gradient/workgroup',
  source: shaders['extremum-gradient/workgroup.wgsl'],
  workgroup: () => [64, 1, 1],
  grid: ({ rows }) => foldGrid(rows),
});

const constants = ({ reduction }: ExtremumGradientShape) => ({ MIN: reduction === 'min' });

/** Below this many terms a row is less work than a workgroup's comparisons; on software adapters every row is. */
const longRow = 64;

export const extremumGradientFamily: Family<ExtremumGradientShape> = {
  name: 'extremum-gradient',
  variants: [
    { name: 'serial', kernel: extremumGradientSerial, constants },
    { name: 'workgroup', kernel: extremumGradientWorkgroup, constants },
  ],
  prefer: (variants, { software }, { terms }) =>
    software || terms < longRow ? variants : variants.toReversed(),
};

/**
 * Records out[r, i] = gradient[r] at the first extremal element of every row of x, 0 elsewhere, in bands of rows where
 * x exceeds one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function extremumGradient(
  device: Device,
  { x, gradient, out }: { x: GpuBuffer; gradient: GpuBuffer; out: GpuBuffer },
  shape: ExtremumGradientShape,
): void {
  const { rows, terms } = shape;
  if (rows === 0) return;
  const variant = pick(extremumGradientFamily, device, shape);
  const rowBytes = 4 * terms;
  for (const band of rowBands('extremumGradient', rows, [rowBytes], device.capabilities.limits)) {
    device.dispatch(variant.kernel, {
      buffers: {
        x: bandRange(x, band, rowBytes),
        gradient: bandRange(gradient, band, 4),
        out: bandRange(out, band, rowBytes),
      },
      params: { rows: band.count, terms },
      constants: variant.constants(shape),
    });
  }
}
