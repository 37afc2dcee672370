import type { Limits } from '../capabilities.ts';
import { type Access, contiguousStrides, splitRegion, windowOf } from '../regions/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';
import { alignOperands, type Broadcast, type Sizes } from './broadcast.ts';

/** Codes of the functions in binary-functions.wgsl, and of the same with the operands exchanged. */
const codes = {
  add: { code: 0, exchanged: 0 },
  sub: { code: 1, exchanged: 6 },
  mul: { code: 2, exchanged: 2 },
  div: { code: 3, exchanged: 7 },
  maximum: { code: 4, exchanged: 4 },
  minimum: { code: 5, exchanged: 5 },
} as const;
const OP = [0, 1, 2, 3, 4, 5, 6, 7];

export type BinaryFunction = keyof typeof codes;

export interface BinaryBuffers {
  readonly a: GpuBuffer;
  readonly b: GpuBuffer;
  readonly out: GpuBuffer;
}

/** out = f(a, b) with NumPy broadcasting; shapes of up to five axes. */
export interface BinaryShape {
  readonly function: BinaryFunction;
  readonly a: Sizes;
  readonly b: Sizes;
}

/** What the variants choose by. */
type Aligned = Broadcast & { readonly function: BinaryFunction };

const libraries = { 'elementwise/binary-functions.wgsl': shaders['elementwise/binary-functions.wgsl'] };

export const binaryVector = defineKernel({
  name: 'elementwise/binary',
  source: shaders['elementwise/binary.wgsl'],
  libraries,
  constants: { OP, ROW: [false, true], ADJACENT: [false, true] },
  bindings: { a: read('vec4f'), b: read('vec4f'), out: write('vec4f') },
  params: { count: 'u32', row: 'u32', first: 'u32', b_first: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  cost: ({ count, row }, { ROW }) => ({ flops: 4 * count, bytes: 16 * (2 * count + (ROW ? row : count)) }),
});

const strided = {
  source: shaders['elementwise/binary-strided.wgsl'],
  libraries,
  params: {
    count: 'u32',
    rank: 'u32',
    size0: 'u32',
    size1: 'u32',
    size2: 'u32',
    size3: 'u32',
    a_axes: 'u32',
    b_axes: 'u32',
    a_first: 'u32',
    b_first: 'u32',
    out_first: 'u32',
  },
  workgroup: (): Grid => [64, 1, 1],
  grid: ({ count }: { count: number }) => foldGrid(Math.ceil(count / 64)),
} as const;

export const binaryStridedVector = defineKernel({
  ...strided,
  name: 'elementwise/binary-strided-vector',
  constants: { OP, VECTOR: [true], SPLAT: [false, true] },
  bindings: { a: read('vec4f'), b: read('b_element'), out: write('vec4f') },
  cost: ({ count }) => ({ flops: 16 * count, bytes: 4 * 48 * count }),
});

export const binaryStrided = defineKernel({
  ...strided,
  name: 'elementwise/binary-strided',
  constants: { OP: OP.slice(0, 6), VECTOR: [false], SPLAT: [false] },
  bindings: { a: read('f32'), b: read('b_element'), out: write('f32') },
  cost: ({ count }) => ({ flops: 4 * count, bytes: 4 * 12 * count }),
});

type BinaryVariant = Variant<Aligned> & {
  readonly run: (device: Device, buffers: BinaryBuffers, shape: Aligned, variant: BinaryVariant) => void;
};

const vectorVariant = (name: string, adjacent: boolean): BinaryVariant => ({
  name,
  kernel: binaryVector,
  constants: (shape) => {
    const { code, exchanged } = codes[shape.function];
    const kind = kindOf(shape);
    return { OP: kind === 'row in a' ? exchanged : code, ROW: kind !== 'same', ADJACENT: adjacent };
  },
  refuses: (shape) => {
    const kind = kindOf(shape);
    if (kind === 'other') return 'takes operands of one shape, or one of them repeated row by row';
    return (shape.sizes.at(-1) ?? 0) % 4 === 0 ? undefined : 'takes row sizes in multiples of 4';
  },
  run: runVector,
});

/** `adjacent` and `interleaved` are one kernel with two orders of memory accesses. */
export const binaryFamily: Family<Aligned, BinaryVariant> = {
  name: 'binary',
  variants: [
    vectorVariant('adjacent', true),
    vectorVariant('interleaved', false),
    {
      name: 'strided-vector',
      kernel: binaryStridedVector,
      constants: (shape) => {
        const { code, exchanged } = codes[shape.function];
        const [inA, inB] = [shape.alongA.at(-1), shape.alongB.at(-1)];
        return { OP: inA ? code : exchanged, VECTOR: true, SPLAT: !(inA && inB) };
      },
      refuses: ({ sizes }) =>
        (sizes.at(-1) ?? 0) % 4 === 0 ? undefined : 'takes row sizes in multiples of 4',
      run: runStrided,
    },
    {
      name: 'strided',
      kernel: binaryStrided,
      constants: (shape) => ({ OP: codes[shape.function].code, VECTOR: false, SPLAT: false }),
      run: runStrided,
    },
  ],
  prefer: (variants, { software }) =>
    software
      ? variants
      : variants.toSorted((a, b) => Number(b.name === 'interleaved') - Number(a.name === 'interleaved')),
};

/**
 * Records out = f(a, b), in pieces where a tensor exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function binary(device: Device, buffers: BinaryBuffers, shape: BinaryShape): void {
  const aligned = { ...alignOperands(shape.a, shape.b), function: shape.function };
  if (aligned.sizes.includes(0)) return;
  const variant = pick(binaryFamily, device, aligned);
  variant.run(device, buffers, aligned, variant);
}

/** Whether the operands have one shape, or one of them is a single row of the other, seen as [rows, row]. */
function kindOf({ sizes, alongA, alongB }: Broadcast): 'same' | 'row in a' | 'row in b' | 'other' {
  const pattern = sizes.map((_, axis) => `${alongA[axis] ? 'a' : ''}${alongB[axis] ? 'b' : ''}`).join(' ');
  if (pattern === 'ab') return 'same';
  if (pattern === 'a ab') return 'row in b';
  return pattern === 'b ab' ? 'row in a' : 'other';
}

function runVector(
  device: Device,
  { a, b, out }: BinaryBuffers,
  shape: Aligned,
  variant: BinaryVariant,
): void {
  const { limits } = device.capabilities;
  const [full, small] = kindOf(shape) === 'row in a' ? [b, a] : [a, b];
  const sizes = shape.sizes.with(-1, (shape.sizes.at(-1) ?? 0) / 4);
  const flat: Access = { first: 0, strides: contiguousStrides(sizes), elementBytes: 16 };
  const repeated: Access = { first: 0, strides: sizes.length === 2 ? [0, 1] : [1], elementBytes: 16 };
  for (const region of splitRegion(shape.function, sizes, [flat], withoutSlack(limits))) {
    const from = windowOf(full, flat, region, limits);
    const with_ = windowOf(small, repeated, region, limits);
    const to = windowOf(out, flat, region, limits);
    device.dispatch(variant.kernel, {
      buffers: { a: from.range, b: with_.range, out: to.range },
      params: {
        count: product(region.sizes),
        row: region.sizes.at(-1) ?? 0,
        first: to.first,
        b_first: with_.first,
      },
      constants: variant.constants(shape),
    });
  }
}

function runStrided(device: Device, buffers: BinaryBuffers, shape: Aligned, variant: BinaryVariant): void {
  const { limits } = device.capabilities;
  const constants = variant.constants(shape);
  const width = constants.VECTOR ? 4 : 1;
  // The kernel takes the operand that is repeated along the innermost axis as its second.
  const exchanged = constants.VECTOR && !shape.alongA.at(-1);
  const [a, b] = exchanged ? [buffers.b, buffers.a] : [buffers.a, buffers.b];
  const [alongA, alongB] = exchanged ? [shape.alongB, shape.alongA] : [shape.alongA, shape.alongB];
  const sizes = shape.sizes.with(-1, (shape.sizes.at(-1) ?? 0) / width);
  const access = (strides: readonly number[], bytes = 4 * width): Access => ({
    first: 0,
    strides,
    elementBytes: bytes,
  });
  const flat = access(contiguousStrides(sizes));
  const accessA = access(stridesAlong(sizes, alongA));
  const accessB = access(stridesAlong(sizes, alongB), constants.SPLAT ? 4 : 4 * width);
  for (const region of splitRegion(shape.function, sizes, [flat], withoutSlack(limits))) {
    const from = windowOf(a, accessA, region, limits);
    const with_ = windowOf(b, accessB, region, limits);
    const to = windowOf(buffers.out, flat, region, limits);
    const size = (fromInnermost: number) => region.sizes.at(-1 - fromInnermost) ?? 1;
    device.dispatch(variant.kernel, {
      buffers: { a: from.range, b: with_.range, out: to.range },
      params: {
        // An invocation computes up to four elements of a row.
        count: product(region.sizes.with(-1, Math.ceil(size(0) / 4))),
        rank: sizes.length,
        size0: size(0),
        size1: size(1),
        size2: size(2),
        size3: size(3),
        a_axes: bits(alongA),
        b_axes: bits(alongB),
        a_first: from.first,
        b_first: with_.first,
        out_first: to.first,
      },
      constants,
    });
  }
}

/**
 * Limits to cut by the result alone, which cuts outermost axes first, so that the strides inside a piece still follow
 * from its sizes. No operand spans more than the result does, but its binding may have to start up to one alignment
 * earlier.
 */
const withoutSlack = (limits: Limits): Limits => ({
  ...limits,
  maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize - limits.minStorageBufferOffsetAlignment,
});

/** Strides of a contiguous operand that runs along some of the axes; 0 along the others. */
function stridesAlong(sizes: Sizes, along: readonly boolean[]): number[] {
  const own = contiguousStrides(sizes.map((size, axis) => (along[axis] ? size : 1)));
  return own.map((stride, axis) => (along[axis] ? stride : 0));
}

/** Bit k says whether the operand runs along the k-th axis from the innermost. */
const bits = (along: readonly boolean[]): number =>
  along.toReversed().reduce((mask, runs, axis) => mask | (runs ? 1 << axis : 0), 0);

const product = (sizes: Sizes): number => sizes.reduce((total, size) => total * size, 1);
