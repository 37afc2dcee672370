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
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** What to find out about the elements that are NaN or infinite: how many, or the index of the first (2³² − 1: none). */
export type FiniteQuestion = 'count' | 'first';

export interface FiniteShape {
  readonly question: FiniteQuestion;
  readonly count: number;
}

export interface FiniteBuffers {
  readonly x: GpuBuffer;
  /** One u32. */
  readonly out: GpuBuffer;
}

const shared = {
  params: { count: 'u32', width: 'u32', offset: 'u32', out_first: 'u32' },
  workgroup: (): Grid => [64, 1, 1],
  grid: ({ width }: { width: number }) => foldGrid(Math.ceil(width / 64)),
} as const;

export const finiteScan = defineKernel({
  ...shared,
  name: 'finite/scan',
  source: shaders['finite/scan.wgsl'],
  constants: { FIRST: [false, true] },
  bindings: { x: read('vec4u'), out: write('u32') },
  cost: ({ count, width }) => ({ flops: 4 * count, bytes: 16 * count + 4 * width }),
});

export const finiteScanScalar = defineKernel({
  ...shared,
  name: 'finite/scan-scalar',
  source: shaders['finite/scan-scalar.wgsl'],
  constants: { FIRST: [false, true], PARTIAL: [false, true] },
  bindings: { x: read('u32'), out: write('u32') },
  cost: ({ count, width }) => ({ flops: count, bytes: 4 * count + 4 * width }),
});

type FiniteVariant = Variant<FiniteShape> & { readonly elements: 1 | 4 };

export const finiteFamily: Family<FiniteShape, FiniteVariant> = {
  name: 'finite',
  variants: [
    {
      name: 'vector',
      kernel: finiteScan,
      constants: ({ question }) => ({ FIRST: question === 'first' }),
      refuses: ({ count }) => (count > 0 && count % 4 === 0 ? undefined : 'takes counts in multiples of 4'),
      elements: 4,
    },
    {
      name: 'scalar',
      kernel: finiteScanScalar,
      constants: ({ question }) => ({ FIRST: question === 'first', PARTIAL: false }),
      elements: 1,
    },
  ],
};

/** Elements (or vec4s) that an invocation looks at, so that two passes do for 65,536 of them and three for 16 million. */
const perInvocation = 256;

/**
 * Records the count of non-finite elements of an f32 tensor, or the index of the first. No atomics; in segments where
 * the tensor exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function findNonFinite(device: Device, { x, out }: FiniteBuffers, shape: FiniteShape): void {
  const { question, count } = shape;
  const variant = pick(finiteFamily, device, shape);
  const bands = rowBands('findNonFinite', count, [4], device.capabilities.limits);
  const widths = bands.map((band) => Math.max(1, Math.ceil(band.count / variant.elements / perInvocation)));
  const partials = widths.reduce((sum, width) => sum + width, 0);
  let to = partials === 1 ? out : device.allocate(4 * partials, 'findNonFinite');
  let before = 0;
  bands.forEach((band, index) => {
    const width = widths[index] ?? 0;
    device.dispatch(variant.kernel, {
      buffers: { x: bandRange(x, band, 4), out: to },
      params: { count: band.count / variant.elements, width, offset: band.first, out_first: before },
      constants: variant.constants(shape),
    });
    before += width;
  });
  for (let left = partials; left > 1; ) {
    const width = Math.ceil(left / perInvocation);
    const next = width === 1 ? out : device.allocate(4 * width, 'findNonFinite');
    device.dispatch(finiteScanScalar, {
      buffers: { x: to, out: next },
      params: { count: left, width, offset: 0, out_first: 0 },
      constants: { FIRST: question === 'first', PARTIAL: true },
    });
    to.release();
    to = next;
    left = width;
  }
}
