import { reduce } from '../reduce/index.ts';
import {
  bandRange,
  type Device,
  type Family,
  type GpuBuffer,
  pick,
  rowBands,
  type Variant,
} from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { type Constants, defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/** Two arrays of `count` values, at least one. */
export interface L1LossShape {
  readonly count: number;
}

const libraries = { 'l1-loss/element.wgsl': shaders['l1-loss/element.wgsl'] };
const lanesOf = ({ VECTOR }: Constants) => (VECTOR === true ? 4 : 1);

export const l1LossSums = defineKernel({
  name: 'l1-loss/sums',
  source: shaders['l1-loss/sums.wgsl'],
  libraries,
  constants: { VECTOR: [false, true] },
  bindings: { x: read('Element'), y: read('Element'), out: write('f32') },
  params: { count: 'u32', width: 'u32', out_first: 'u32', scale: 'f32' },
  workgroup: () => [64, 1, 1],
  grid: ({ width }) => foldGrid(Math.ceil(width / 64)),
  cost: ({ count, width }, constants) => ({
    flops: 3 * count * lanesOf(constants),
    bytes: 8 * count * lanesOf(constants) + 4 * width,
  }),
});

export const l1LossGradientKernel = defineKernel({
  name: 'l1-loss/gradient',
  source: shaders['l1-loss/gradient.wgsl'],
  libraries,
  constants: { VECTOR: [false, true], ADJACENT: [false, true] },
  bindings: { x: read('Element'), y: read('Element'), gradient: read('f32'), out: write('Element') },
  params: { count: 'u32', scale: 'f32' },
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  cost: ({ count }, constants) => ({
    flops: 3 * count * lanesOf(constants),
    bytes: 12 * count * lanesOf(constants),
  }),
});

type L1LossVariant = Variant<L1LossShape> & { readonly lanes: 1 | 4 };

const byFours = ({ count }: L1LossShape) => (count % 4 === 0 ? undefined : 'takes counts in multiples of 4');

export const l1LossFamily: Family<L1LossShape, L1LossVariant> = {
  name: 'l1-loss',
  variants: [
    {
      name: 'vector',
      kernel: l1LossSums,
      constants: () => ({ VECTOR: true }),
      refuses: byFours,
      lanes: 4,
    },
    { name: 'scalar', kernel: l1LossSums, constants: () => ({ VECTOR: false }), lanes: 1 },
  ],
};

const gradientVariant = (name: string, lanes: 1 | 4, adjacent: boolean): L1LossVariant => ({
  name,
  kernel: l1LossGradientKernel,
  constants: () => ({ VECTOR: lanes === 4, ADJACENT: adjacent }),
  ...(lanes === 4 && { refuses: byFours }),
  lanes,
});

/** `adjacent` and `interleaved` are one kernel with two orders of memory accesses. */
export const l1LossGradientFamily: Family<L1LossShape, L1LossVariant> = {
  name: 'l1-loss-gradient',
  variants: [
    gradientVariant('adjacent', 4, true),
    gradientVariant('interleaved', 4, false),
    gradientVariant('scalar', 1, false),
  ],
  prefer: (variants, { software }) =>
    software
      ? variants
      : variants.toSorted((a, b) => Number(b.name === 'interleaved') - Number(a.name === 'interleaved')),
};

/** Partial sums of `count` elements: enough lanes for a large GPU, few enough that summing them up costs nothing beside. */
const partialsOf = (count: number) => Math.min(16_384, 4 * Math.ceil(count / 64));

/**
 * Records out = the mean of |x − y|, one value; x and y may exceed one binding. No atomics: the same device gives the
 * same bits.
 * @throws KernelError `kernel-forced`, AllocationError `out-of-memory`
 */
export function l1Loss(
  device: Device,
  { x, y, out }: { readonly x: GpuBuffer; readonly y: GpuBuffer; readonly out: GpuBuffer },
  shape: L1LossShape,
): void {
  const variant = pick(l1LossFamily, device, shape);
  const parts = rowBands('l1Loss', shape.count, [4], device.capabilities.limits).map((band) => {
    const count = band.count / variant.lanes;
    return { band, count, width: partialsOf(count) };
  });
  const partials = parts.reduce((sum, { width }) => sum + width, 0);
  const sums = device.allocate(4 * partials, 'l1Loss');
  let before = 0;
  for (const { band, count, width } of parts) {
    device.dispatch(l1LossSums, {
      buffers: { x: bandRange(x, band, 4), y: bandRange(y, band, 4), out: sums },
      params: { count, width, out_first: before, scale: 1 / shape.count },
      constants: variant.constants(shape),
    });
    before += width;
  }
  reduce(device, { x: sums, out }, { reduction: 'sum', sizes: [partials], axes: [0] });
  sums.release();
}

/**
 * Records out = the gradient of gradient[0] · mean |x − y| with respect to x, in segments where a tensor exceeds one
 * binding.
 * @throws KernelError `kernel-forced`
 */
export function l1LossGradient(
  device: Device,
  buffers: {
    readonly x: GpuBuffer;
    readonly y: GpuBuffer;
    readonly gradient: GpuBuffer;
    readonly out: GpuBuffer;
  },
  shape: L1LossShape,
): void {
  const variant = pick(l1LossGradientFamily, device, shape);
  for (const band of rowBands('l1LossGradient', shape.count, [4], device.capabilities.limits)) {
    device.dispatch(l1LossGradientKernel, {
      buffers: {
        x: bandRange(buffers.x, band, 4),
        y: bandRange(buffers.y, band, 4),
        gradient: buffers.gradient,
        out: bandRange(buffers.out, band, 4),
      },
      params: { count: band.count / variant.lanes, scale: 1 / shape.count },
      constants: variant.constants(shape),
    });
  }
}
