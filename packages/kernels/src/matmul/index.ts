import {
  type Activation,
  activationCodes,
  activationLibrary,
  combineLibrary,
  encodeActivation,
  preferProduct,
  sharedColumns,
  sharedTile,
  sharedTiles,
  subgroupRows,
  subgroupRowsName,
} from '../lib/index.ts';
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
import { type Constants, defineKernel, type Grid, read, write } from '../wgsl/index.ts';

/** out[rows, n] = activation(a[rows, k] · b[k, n] + bias[n] + addend[rows, n]). Rows may be any number of leading dimensions. */
export interface MatmulShape {
  readonly rows: number;
  readonly k: number;
  readonly n: number;
  readonly bias: boolean;
  readonly activation: Activation;
  /** Whether something is added to the product, as the input of a residual block to its branch. */
  readonly addend?: boolean;
  /** Whether b is [n, k]. */
  readonly transposed?: boolean;
}

export interface MatmulBuffers {
  readonly a: GpuBuffer;
  readonly b: GpuBuffer;
  readonly bias?: GpuBuffer | undefined;
  readonly addend?: GpuBuffer | undefined;
  readonly out: GpuBuffer;
}

/** A transposed b is for gradients, which have neither bias nor activation nor addend; the constants allow them. */
const constants = {
  HAS_BIAS: [false, true],
  HAS_ADDEND: [false, true],
  ACTIVATION: activationCodes,
  TRANSPOSED: [false, true],
};
const vectorLibraries = {
  ...activationLibrary,
  ...combineLibrary,
  'matmul/right.wgsl': shaders['matmul/right.wgsl'],
  'matmul/store.wgsl': shaders['matmul/store.wgsl'],
};
const vectorBindings = {
  a: read('vec4f'),
  b: read('vec4f'),
  bias: read('vec4f', 'HAS_BIAS'),
  addend: read('vec4f', 'HAS_ADDEND'),
  out: write('vec4f'),
};
const vectorParams = { rows: 'u32', k4: 'u32', n4: 'u32', slope: 'f32' } as const;

const cost = (rows: number, k: number, n: number) => ({
  flops: 2 * rows * k * n,
  bytes: 4 * (rows * k + k * n + rows * n),
});
const vectorCost = ({ rows, k4, n4 }: { rows: number; k4: number; n4: number }) => cost(rows, 4 * k4, 4 * n4);

export const matmulSubgroup = defineKernel({
  name: 'matmul/subgroup',
  source: shaders['matmul/subgroup.wgsl'],
  libraries: vectorLibraries,
  constants: { ...constants, ROWS: subgroupRows },
  features: ['subgroups'],
  bindings: vectorBindings,
  params: vectorParams,
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: ({ rows, n4 }, { SUBGROUP_SIZE, ROWS }) => [
    Math.ceil(n4 / Number(SUBGROUP_SIZE)),
    Math.ceil(rows / Number(ROWS)),
    1,
  ],
  cost: vectorCost,
});

export const matmulTiled = defineKernel({
  name: 'matmul/tiled',
  source: shaders['matmul/tiled.wgsl'],
  libraries: vectorLibraries,
  constants,
  bindings: vectorBindings,
  params: vectorParams,
  workgroup: () => [8, 8, 1],
  grid: ({ rows, n4 }) => [Math.ceil(n4 / 8), Math.ceil(rows / 64), 1],
  cost: vectorCost,
});

const shared = {
  source: shaders['matmul/shared.wgsl'],
  libraries: { ...vectorLibraries, ...sharedTile.libraries },
  bindings: vectorBindings,
  params: vectorParams,
  workgroup: sharedTile.workgroup,
  workgroupBytes: sharedTile.workgroupBytes,
  grid: ({ rows, n4 }: { rows: number; n4: number }, { ROWS }: Constants): Grid => [
    Math.ceil((4 * n4) / sharedColumns),
    Math.ceil(rows / (8 * Number(ROWS))),
    1,
  ],
  cost: vectorCost,
};

export const matmulShared = defineKernel({
  name: 'matmul/shared',
  ...shared,
  constants: { ...constants, ...sharedTile.constants, HALF: [false] },
});

export const matmulSharedHalf = defineKernel({
  name: 'matmul/shared-half',
  ...shared,
  constants: { ...constants, ...sharedTile.constants, HALF: [true] },
  features: ['shader-f16'],
});

export const matmulSubgroupMatrix = defineKernel({
  name: 'matmul/subgroup-matrix',
  source: shaders['matmul/subgroup-matrix.wgsl'],
  libraries: vectorLibraries,
  constants,
  features: ['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix'],
  subgroupSize: 32,
  bindings: vectorBindings,
  params: vectorParams,
  workgroup: () => [128, 1, 1],
  workgroupBytes: () => 2 * 2 * 64 * 32 + 4 * 4 * 16 * 16,
  grid: ({ rows, n4 }) => [Math.ceil(n4 / 16), Math.ceil(rows / 64), 1],
  cost: vectorCost,
});

export const matmulScalar = defineKernel({
  name: 'matmul/scalar',
  source: shaders['matmul/scalar.wgsl'],
  libraries: activationLibrary,
  constants,
  bindings: {
    a: read('f32'),
    b: read('f32'),
    bias: read('f32', 'HAS_BIAS'),
    addend: read('f32', 'HAS_ADDEND'),
    out: write('f32'),
  },
  params: { rows: 'u32', k: 'u32', n: 'u32', slope: 'f32' },
  workgroup: () => [8, 8, 1],
  grid: ({ rows, n }) => [Math.ceil(n / 8), Math.ceil(rows / 8), 1],
  cost: ({ rows, k, n }) => cost(rows, k, n),
});

const constantsOf = ({ bias, activation, addend = false, transposed = false }: MatmulShape) => ({
  HAS_BIAS: bias,
  HAS_ADDEND: addend,
  TRANSPOSED: transposed,
  ACTIVATION: encodeActivation(activation).code,
});
const needsVectors = ({ k, n }: MatmulShape) =>
  k % 4 === 0 && n % 4 === 0 && k > 0 ? undefined : 'takes k and n in multiples of 4';

type MatmulVariant = Variant<MatmulShape> & {
  readonly params: (shape: MatmulShape) => Record<string, number>;
};
const vectorParamsOf = ({ k, n }: MatmulShape) => ({ k4: k / 4, n4: n / 4 });

export const matmulFamily: Family<MatmulShape, MatmulVariant> = {
  name: 'matmul',
  variants: [
    ...subgroupRows.map((ROWS) => ({
      name: subgroupRowsName(ROWS),
      kernel: matmulSubgroup,
      constants: (shape: MatmulShape) => ({ ...constantsOf(shape), ROWS }),
      refuses: needsVectors,
      params: vectorParamsOf,
    })),
    {
      name: 'tiled',
      kernel: matmulTiled,
      constants: constantsOf,
      refuses: needsVectors,
      params: vectorParamsOf,
    },
    { name: 'scalar', kernel: matmulScalar, constants: constantsOf, params: ({ k, n }) => ({ k, n }) },
    ...sharedTiles.map(({ name, ROWS, half }) => ({
      name,
      kernel: half ? matmulSharedHalf : matmulShared,
      constants: (shape: MatmulShape) => ({ ...constantsOf(shape), ROWS, HALF: half }),
      refuses: needsVectors,
      roundsToHalf: half,
      params: vectorParamsOf,
    })),
    {
      name: 'subgroup-matrix',
      kernel: matmulSubgroupMatrix,
      constants: constantsOf,
      refuses: needsVectors,
      roundsToHalf: true,
      params: vectorParamsOf,
    },
  ],
  prefer: (variants, capabilities, { rows, n, k }) =>
    preferProduct(variants, capabilities, { rows, columns: n, depth: k }),
};

/** Rows that one dispatch can take: the grid's second dimension times the fewest rows of a workgroup. */
const maxRows = 65_535 * 8;

/**
 * Records out = activation(a · b + bias + addend), in row bands where an operand exceeds one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function matmul(device: Device, buffers: MatmulBuffers, shape: MatmulShape): void {
  const { rows, k, n, activation } = shape;
  if (rows === 0 || n === 0) return;
  const variant = pick(matmulFamily, device, shape);
  const { a, b, bias, addend, out } = buffers;
  for (const band of rowBands('matmul', rows, [4 * k, 4 * n], device.capabilities.limits, maxRows)) {
    device.dispatch(variant.kernel, {
      buffers: {
        a: bandRange(a, band, 4 * k),
        b,
        bias,
        addend: addend && bandRange(addend, band, 4 * n),
        out: bandRange(out, band, 4 * n),
      },
      params: { rows: band.count, slope: encodeActivation(activation).slope, ...variant.params(shape) },
      constants: variant.constants(shape),
    });
  }
}
