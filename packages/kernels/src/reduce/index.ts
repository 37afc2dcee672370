import { AllocationError } from '../errors.ts';
import { type Access, splitRegion, windowOf } from '../regions/index.ts';
import { type Device, type Family, type GpuBuffer, pick, refusal, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

export type Reduction = 'sum' | 'mean' | 'max' | 'min';

/** out = reduction of x over `axes`, which are distinct. Kept axes stay in their order. */
export interface ReduceShape {
  readonly reduction: Reduction;
  readonly sizes: readonly number[];
  readonly axes: readonly number[];
}

export interface ReduceBuffers {
  readonly x: GpuBuffer;
  readonly out: GpuBuffer;
}

/** What one dispatch does, in elements: `slices` slices of `total`, each left as `width` results. */
interface Pass {
  readonly reduction: Reduction;
  readonly slices: number;
  readonly total: number;
  readonly width: number;
  readonly xFirst: number;
  readonly xStride: number;
  readonly outFirst: number;
  readonly outStride: number;
}

const codes = { sum: 0, mean: 0, max: 1, min: 2 } as const;
const constants = { OP: [0, 1, 2] };
const libraries = { 'reduce/reduce-functions.wgsl': shaders['reduce/reduce-functions.wgsl'] };
const common = {
  libraries,
  constants,
  params: {
    count: 'u32',
    total: 'u32',
    width: 'u32',
    x_first: 'u32',
    x_stride: 'u32',
    out_first: 'u32',
    out_stride: 'u32',
    scale: 'f32',
  },
  workgroup: (): Grid => [64, 1, 1],
  grid: ({ count }: { count: number }) => foldGrid(Math.ceil(count / 64)),
} as const;
const costOf = (reads: number, writes: number) => ({ flops: reads, bytes: 4 * (reads + writes) });

export const reduceColumns = defineKernel({
  ...common,
  name: 'reduce/columns',
  source: shaders['reduce/columns.wgsl'],
  bindings: { x: read('vec4f'), out: write('vec4f') },
  cost: ({ count, total, width }) => costOf((4 * count * total) / width, 4 * count),
});

export const reduceColumnsScalar = defineKernel({
  ...common,
  name: 'reduce/columns-scalar',
  source: shaders['reduce/columns-scalar.wgsl'],
  bindings: { x: read('f32'), out: write('f32') },
  cost: ({ count, total, width }) => costOf((count * total) / width, count),
});

export const reduceRows = defineKernel({
  ...common,
  name: 'reduce/rows',
  source: shaders['reduce/rows.wgsl'],
  bindings: { x: read('vec4f'), out: write('f32') },
  cost: ({ count, total }) => costOf(4 * count * total, count),
});

type ReduceVariant = Variant<Pass> & { readonly xWidth: 1 | 4; readonly outWidth: 1 | 4 };
const constantsOf = ({ reduction }: Pass) => ({ OP: codes[reduction] });
const fours = (...sizes: number[]) => sizes.every((size) => size % 4 === 0);

export const reduceFamily: Family<Pass, ReduceVariant> = {
  name: 'reduce',
  variants: [
    {
      name: 'rows',
      kernel: reduceRows,
      constants: constantsOf,
      refuses: ({ width, total, xFirst, xStride }) => {
        if (width !== 1) return 'takes an innermost axis that is reduced in one pass';
        return total > 0 && fours(total, xFirst, xStride) ? undefined : 'takes rows in multiples of 4';
      },
      xWidth: 4,
      outWidth: 1,
    },
    {
      name: 'columns',
      kernel: reduceColumns,
      constants: constantsOf,
      refuses: ({ width, total, xFirst, xStride, outFirst, outStride }) =>
        total > 0 && fours(width, total, xFirst, xStride, outFirst, outStride)
          ? undefined
          : 'takes widths in multiples of 4',
      xWidth: 4,
      outWidth: 4,
    },
    { name: 'columns-scalar', kernel: reduceColumnsScalar, constants: constantsOf, xWidth: 1, outWidth: 1 },
  ],
};

/** Terms that one invocation reduces: few enough for a sum's accuracy, enough to shrink the data fast. */
const termsPerInvocation = 256;

/**
 * Records a reduction. One pass reduces up to 256 terms per invocation (1,024 contiguous ones), longer axes take
 * several: three for 10⁷ elements. No atomics: the same device gives the same bits. x may exceed one binding; one step
 * along a reduced axis may not.
 *
 * A maximum or minimum over no elements is the caller's to refuse. NaN is not reliably propagated by max and min.
 *
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`, `out-of-memory`
 */
export function reduce(
  device: Device,
  { x, out }: ReduceBuffers,
  { reduction, sizes, axes }: ReduceShape,
): void {
  const groups = groupAxes(sizes, axes);
  const terms = countOf(groups.filter(({ reduced }) => reduced));
  const kept = countOf(groups.filter(({ reduced }) => !reduced));
  if (kept === 0) return;
  const scale = reduction === 'mean' ? 1 / terms : 1;
  if (terms <= 1) {
    const axis = { reduction, scale, outer: kept, length: terms, inner: 1 };
    reduceAxis(device, { x, out }, axis, (pass) => pick(reduceFamily, device, pass));
    return;
  }
  let choose = (pass: Pass) => pick(reduceFamily, device, pass);
  let from = x;
  let outer = terms * kept;
  let inner = 1;
  let left = terms;
  for (const { size, reduced } of groups.toReversed()) {
    outer /= size;
    if (!reduced) {
      inner *= size;
      continue;
    }
    left /= size;
    const last = left === 1;
    const to = last ? out : device.allocate(4 * outer * inner, 'reduce');
    reduceAxis(
      device,
      { x: from, out: to },
      { reduction, scale: last ? scale : 1, outer, length: size, inner },
      choose,
    );
    if (from !== x) from.release();
    from = to;
    choose = (pass) => freely(device, pass);
  }
}

interface Axis {
  readonly reduction: Reduction;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** Factor on the result. */
  readonly scale: number;
}

type Choose = (pass: Pass) => ReduceVariant;

/** Reduces the middle one of three axes, in as many passes as its length takes. */
function reduceAxis(device: Device, { x, out }: ReduceBuffers, axis: Axis, choose: Choose): void {
  const { reduction, outer, length, inner } = axis;
  const segments = segmentsOf(device, length, inner);
  const parts = segments.reduce((sum, segment) => sum + segment.parts, 0);
  const to = parts === 1 ? out : device.allocate(4 * outer * parts * inner, 'reduce');
  let before = 0;
  for (const segment of segments) {
    const pass: Pass = {
      reduction,
      slices: outer,
      total: segment.length * inner,
      width: segment.parts * inner,
      xFirst: segment.start * inner,
      xStride: length * inner,
      outFirst: before * inner,
      outStride: parts * inner,
    };
    record(device, { x, out: to }, pass, parts === 1 ? axis.scale : 1, choose(pass));
    before += segment.parts;
  }
  if (to === out) return;
  reduceAxis(device, { x: to, out }, { ...axis, length: parts }, (pass) => freely(device, pass));
  to.release();
}

/** Cuts an axis into lengths that fit one binding each, and says how many partial results each is left as. */
function segmentsOf(device: Device, length: number, inner: number) {
  const { maxStorageBufferBindingSize, minStorageBufferOffsetAlignment } = device.capabilities.limits;
  const fitting = Math.floor((maxStorageBufferBindingSize - minStorageBufferOffsetAlignment) / (4 * inner));
  if (length > fitting && fitting < 2) {
    throw new AllocationError(
      'binding-too-large',
      `reduce: two steps of ${4 * inner} bytes along the reduced axis do not fit one binding of ${maxStorageBufferBindingSize}`,
      'Work on smaller pieces: pass a smaller `tile` or batch.',
    );
  }
  const step = length <= fitting ? Math.max(1, length) : fitting < 4 ? fitting : fitting - (fitting % 4);
  const segments: { start: number; length: number; parts: number }[] = [];
  for (let start = 0; start < Math.max(1, length); start += step) {
    const size = Math.min(step, length - start);
    segments.push({ start, length: size, parts: partsOf(size, inner) });
  }
  return segments;
}

function partsOf(length: number, inner: number): number {
  const asRow = inner === 1 && length % 4 === 0;
  if (length <= (asRow ? 4 : 1) * termsPerInvocation) return 1;
  const parts = Math.ceil(length / termsPerInvocation);
  return inner % 4 === 0 ? parts : Math.ceil(parts / 4) * 4;
}

/** The first variant that takes a pass; forcing is for the first pass alone, since later ones have other shapes. */
function freely(device: Device, pass: Pass): ReduceVariant {
  const fitting = reduceFamily.variants.find((variant) => !refusal(variant, device.capabilities, pass));
  return fitting ?? pick(reduceFamily, device, pass);
}

function record(
  device: Device,
  buffers: ReduceBuffers,
  pass: Pass,
  scale: number,
  variant: ReduceVariant,
): void {
  const { limits } = device.capabilities;
  const { xWidth, outWidth } = variant;
  const x: Access = {
    first: pass.xFirst / xWidth,
    strides: [pass.xStride / xWidth],
    elementBytes: 4 * xWidth,
    reach: pass.total / xWidth,
  };
  const out: Access = {
    first: pass.outFirst / outWidth,
    strides: [pass.outStride / outWidth],
    elementBytes: 4 * outWidth,
    reach: pass.width / outWidth,
  };
  for (const region of splitRegion('reduce', [pass.slices], [x, out], limits)) {
    const from = windowOf(buffers.x, x, region, limits);
    const to = windowOf(buffers.out, out, region, limits);
    device.dispatch(variant.kernel, {
      buffers: { x: from.range, out: to.range },
      params: {
        count: ((region.sizes[0] ?? 0) * pass.width) / outWidth,
        total: pass.total / xWidth,
        width: pass.width / outWidth,
        x_first: from.first,
        x_stride: pass.xStride / xWidth,
        out_first: to.first,
        out_stride: pass.outStride / outWidth,
        scale,
      },
      constants: variant.constants(pass),
    });
  }
}

interface Group {
  readonly size: number;
  readonly reduced: boolean;
}

/** Axes of size 1 dropped, neighbours that are both kept or both reduced joined. */
function groupAxes(sizes: readonly number[], axes: readonly number[]): Group[] {
  const groups: Group[] = [];
  sizes.forEach((size, axis) => {
    const reduced = axes.includes(axis);
    const previous = groups.at(-1);
    if (size === 1) return;
    if (previous?.reduced === reduced) groups[groups.length - 1] = { size: previous.size * size, reduced };
    else groups.push({ size, reduced });
  });
  return groups;
}

const countOf = (groups: readonly Group[]): number => groups.reduce((product, { size }) => product * size, 1);
