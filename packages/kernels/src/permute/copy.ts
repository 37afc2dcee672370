import { type Access, splitRegion, windowOf } from '../regions/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/**
 * A copy of a box of up to five axes from one place to another, outermost axis first. Strides and firsts in 32-bit
 * elements; out's innermost stride is 1.
 */
export interface CopyShape {
  readonly sizes: readonly number[];
  readonly xFirst: number;
  readonly xStrides: readonly number[];
  readonly outFirst: number;
  readonly outStrides: readonly number[];
}

const params = {
  count: 'u32',
  size0: 'u32',
  size1: 'u32',
  size2: 'u32',
  size3: 'u32',
  x_first: 'u32',
  x_stride0: 'u32',
  x_stride1: 'u32',
  x_stride2: 'u32',
  x_stride3: 'u32',
  x_stride4: 'u32',
  out_first: 'u32',
  out_stride1: 'u32',
  out_stride2: 'u32',
  out_stride3: 'u32',
  out_stride4: 'u32',
} as const;

const copyKernel = <const E extends 'vec4u' | 'u32'>(name: string, element: E, elementBytes: number) =>
  defineKernel({
    name,
    source: shaders['permute/copy.wgsl'],
    constants: { RANK: [1, 2, 3, 4, 5] },
    bindings: { x: read(element), out: write(element) },
    params,
    workgroup: () => [64, 1, 1],
    grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
    cost: ({ count, size0 }) => ({
      flops: 0,
      bytes: (2 * elementBytes * count * size0) / Math.ceil(size0 / 4),
    }),
  });

export const copyVector = copyKernel('permute/copy-vector', 'vec4u', 16);
export const copyScalar = copyKernel('permute/copy', 'u32', 4);

type CopyVariant = Variant<CopyShape> & { readonly width: 1 | 4 };
const constantsOf = ({ sizes }: CopyShape) => ({ RANK: sizes.length });

/** Variants of a copy whose mergeable axes have been merged. */
export const copyFamily: Family<CopyShape, CopyVariant> = {
  name: 'copy',
  variants: [
    { name: 'vector', kernel: copyVector, constants: constantsOf, width: 4, refuses: refuseVectors },
    { name: 'scalar', kernel: copyScalar, constants: constantsOf, width: 1 },
  ],
};

function refuseVectors({ sizes, xStrides, outStrides, xFirst, outFirst }: CopyShape): string | undefined {
  if (xStrides.at(-1) !== 1) return 'needs an innermost axis that stays innermost';
  const others = [...xStrides.slice(0, -1), ...outStrides.slice(0, -1), xFirst, outFirst, sizes.at(-1) ?? 0];
  return others.every((value) => value % 4 === 0)
    ? undefined
    : 'takes innermost sizes and offsets in multiples of 4';
}

/**
 * Records a copy, in pieces where an operand exceeds one binding. x and out must not be the same buffer.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function copyStrided(
  device: Device,
  buffers: { x: GpuBuffer; out: GpuBuffer },
  shape: CopyShape,
): void {
  if (shape.sizes.includes(0)) return;
  const merged = mergeAxes(shape);
  const variant = pick(copyFamily, device, merged);
  const { width } = variant;
  const { limits } = device.capabilities;
  const vectors = (strides: readonly number[]) =>
    strides.map((stride, axis) => (axis === strides.length - 1 ? stride : stride / width));
  const sizes = merged.sizes.with(-1, (merged.sizes.at(-1) ?? 0) / width);
  const xStrides = vectors(merged.xStrides);
  const outStrides = vectors(merged.outStrides);
  const elementBytes = 4 * width;
  const x: Access = { first: merged.xFirst / width, strides: xStrides, elementBytes };
  const out: Access = { first: merged.outFirst / width, strides: outStrides, elementBytes };
  const axis = (values: readonly number[], fromInnermost: number) => values.at(-1 - fromInnermost) ?? 0;
  for (const region of splitRegion('copy', sizes, [x, out], limits)) {
    const from = windowOf(buffers.x, x, region, limits);
    const to = windowOf(buffers.out, out, region, limits);
    device.dispatch(variant.kernel, {
      buffers: { x: from.range, out: to.range },
      params: {
        count: invocations(region.sizes),
        size0: axis(region.sizes, 0),
        size1: axis(region.sizes, 1),
        size2: axis(region.sizes, 2),
        size3: axis(region.sizes, 3),
        x_first: from.first,
        x_stride0: axis(xStrides, 0),
        x_stride1: axis(xStrides, 1),
        x_stride2: axis(xStrides, 2),
        x_stride3: axis(xStrides, 3),
        x_stride4: axis(xStrides, 4),
        out_first: to.first,
        out_stride1: axis(outStrides, 1),
        out_stride2: axis(outStrides, 2),
        out_stride3: axis(outStrides, 3),
        out_stride4: axis(outStrides, 4),
      },
      constants: variant.constants(merged),
    });
  }
}

/** An invocation copies up to four elements of a row. */
const invocations = (sizes: readonly number[]): number =>
  sizes.with(-1, Math.ceil((sizes.at(-1) ?? 0) / 4)).reduce((product, size) => product * size, 1);

/** Drops axes of size 1 and joins neighbours that are one run in both operands. At least one axis stays. */
export function mergeAxes(shape: CopyShape): CopyShape {
  const sizes: number[] = [];
  const xStrides: number[] = [];
  const outStrides: number[] = [];
  for (let axis = shape.sizes.length - 1; axis >= 0; axis--) {
    const size = shape.sizes[axis] ?? 1;
    const xStride = shape.xStrides[axis] ?? 0;
    const outStride = shape.outStrides[axis] ?? 0;
    if (size === 1) continue;
    const inner = sizes[0];
    if (
      inner !== undefined &&
      xStride === inner * (xStrides[0] ?? 0) &&
      outStride === inner * (outStrides[0] ?? 0)
    ) {
      sizes[0] = inner * size;
      continue;
    }
    sizes.unshift(size);
    xStrides.unshift(xStride);
    outStrides.unshift(outStride);
  }
  // The kernel takes out's innermost stride to be 1; an axis of size 1 may be the one that has it.
  if (outStrides.at(-1) !== 1) {
    sizes.push(1);
    xStrides.push(1);
    outStrides.push(1);
  }
  return { ...shape, sizes, xStrides, outStrides };
}
