import { shaders } from '../shaders.generated.ts';
import { type Constants, defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';
import { maxAttentionWindow } from '../window-attention/index.ts';

/** Quarters of the head dimensions that variants with rows in registers are made for. */
export const headDims4 = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16];

const params = {
  windows: 'u32',
  windows_y: 'u32',
  windows_x: 'u32',
  heads: 'u32',
  head_dim: 'u32',
  window: 'u32',
  roll_y: 'u32',
  roll_x: 'u32',
  border_y: 'u32',
  border_x: 'u32',
  split: 'u32',
  per_group: 'u32',
  scale: 'f32',
} as const;
export type Sizes = { readonly [K in keyof typeof params]: number };

const libraries = {
  'window-attention/geometry.wgsl': shaders['window-attention/geometry.wgsl'],
  'window-attention-backward/bias.wgsl': shaders['window-attention-backward/bias.wgsl'],
};
const tokensOf = ({ window }: Sizes) => window * window;
const groupsOf = ({ windows, per_group }: Sizes) => Math.ceil(windows / per_group);
const check = ({ window, split }: Sizes) =>
  window < 1 || window > maxAttentionWindow || split < 1 || split > window
    ? `takes windows of 1 to ${maxAttentionWindow} and shifts below the window`
    : undefined;
const checkVectors = (sizes: Sizes, { HEAD_DIM_4 }: Constants) =>
  sizes.head_dim === 4 * Number(HEAD_DIM_4)
    ? check(sizes)
    : 'HEAD_DIM_4 is not a quarter of the head dimension';

/** `products` of rows per pair of tokens; `values` bytes that move per value of a head. */
const cost = (products: number, bytes: number) => (sizes: Sizes) => {
  const values = sizes.windows * tokensOf(sizes) * sizes.heads * sizes.head_dim;
  return { flops: 2 * products * values * tokensOf(sizes), bytes: bytes * values };
};

/** One subgroup per 4·SUBGROUP_SIZE tokens of a window and head. */
const perSubgroup = {
  libraries: {
    'window-attention/geometry.wgsl': shaders['window-attention/geometry.wgsl'],
    'window-attention/subgroup-chunk.wgsl': shaders['window-attention/subgroup-chunk.wgsl'],
    'window-attention-backward/subgroup-products.wgsl':
      shaders['window-attention-backward/subgroup-products.wgsl'],
  },
  constants: { HEAD_DIM_4: headDims4, ALIGNED: [false, true] },
  features: ['subgroups'],
  params,
  workgroup: ({ SUBGROUP_SIZE }: Constants): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: (sizes: Sizes, { SUBGROUP_SIZE }: Constants) =>
    foldGrid(sizes.windows * sizes.heads * Math.ceil(tokensOf(sizes) / (4 * Number(SUBGROUP_SIZE)))),
  check: checkVectors,
} as const;

const querySums = {
  ...perSubgroup.libraries,
  'window-attention-backward/subgroup-query-sums.wgsl':
    shaders['window-attention-backward/subgroup-query-sums.wgsl'],
};

/** One invocation per token and head. */
const perToken = {
  libraries,
  params,
  workgroup: (): Grid => [64, 1, 1],
  grid: (sizes: Sizes) => foldGrid(Math.ceil((sizes.windows * sizes.heads * tokensOf(sizes)) / 64)),
} as const;
const scalarOperands = { qkv: read('f32'), table: read('f32'), gradient: read('f32') };
const vectorOperands = { qkv: read('vec4f'), table: read('f32'), gradient: read('vec4f') };

const statisticsBindings = (element: 'f32' | 'vec4f') => ({
  gradient: read(element),
  out: read(element),
  log_sums: read('f32'),
  statistics: write('vec2f'),
});
const perQuery = {
  workgroup: (): Grid => [64, 1, 1],
  grid: ({ queries }: { queries: number }) => foldGrid(Math.ceil(queries / 64)),
} as const;

export const statisticsVector = defineKernel({
  ...perQuery,
  name: 'window-attention-backward/statistics-vector',
  source: shaders['window-attention-backward/statistics-vector.wgsl'],
  bindings: statisticsBindings('vec4f'),
  params: { queries: 'u32', head_dim_4: 'u32' },
  cost: ({ queries, head_dim_4 }) => ({
    flops: 8 * queries * head_dim_4,
    bytes: queries * (32 * head_dim_4 + 12),
  }),
});

export const statisticsScalar = defineKernel({
  ...perQuery,
  name: 'window-attention-backward/statistics-scalar',
  source: shaders['window-attention-backward/statistics-scalar.wgsl'],
  bindings: statisticsBindings('f32'),
  params: { queries: 'u32', head_dim: 'u32' },
  cost: ({ queries, head_dim }) => ({ flops: 2 * queries * head_dim, bytes: queries * (8 * head_dim + 12) }),
});

export const querySubgroup = defineKernel({
  ...perSubgroup,
  name: 'window-attention-backward/query-subgroup',
  source: shaders['window-attention-backward/query-subgroup.wgsl'],
  libraries: querySums,
  bindings: { ...vectorOperands, statistics: read('vec2f'), out: write('vec4f') },
  cost: cost(3, 20),
});

export const queryScalar = defineKernel({
  ...perToken,
  name: 'window-attention-backward/query-scalar',
  source: shaders['window-attention-backward/query-scalar.wgsl'],
  bindings: { ...scalarOperands, statistics: read('vec2f'), out: write('f32') },
  check,
  cost: cost(3, 20),
});

export const queryTiled = defineKernel({
  ...perToken,
  name: 'window-attention-backward/query-tiled',
  source: shaders['window-attention-backward/query-tiled.wgsl'],
  constants: { HEAD_DIM_4: headDims4 },
  bindings: { ...vectorOperands, statistics: read('vec2f'), out: write('vec4f') },
  check: checkVectors,
  cost: cost(3, 20),
});

export const keySubgroup = defineKernel({
  ...perSubgroup,
  name: 'window-attention-backward/key-subgroup',
  source: shaders['window-attention-backward/key-subgroup.wgsl'],
  bindings: { ...vectorOperands, statistics: read('vec2f'), out: write('vec4f') },
  cost: cost(4, 24),
});

export const keyScalar = defineKernel({
  ...perToken,
  name: 'window-attention-backward/key-scalar',
  source: shaders['window-attention-backward/key-scalar.wgsl'],
  bindings: { ...scalarOperands, statistics: read('vec2f'), out: write('f32') },
  check,
  cost: cost(4, 24),
});

export const keyTiled = defineKernel({
  ...perToken,
  name: 'window-attention-backward/key-tiled',
  source: shaders['window-attention-backward/key-tiled.wgsl'],
  constants: { HEAD_DIM_4: headDims4 },
  bindings: { ...vectorOperands, statistics: read('vec2f'), out: write('vec4f') },
  check: checkVectors,
  cost: cost(4, 24),
});

export const tableScalar = defineKernel({
  ...perToken,
  name: 'window-attention-backward/table-scalar',
  source: shaders['window-attention-backward/table-scalar.wgsl'],
  bindings: { ...scalarOperands, statistics: read('vec2f'), partial_sums: write('f32') },
  grid: (sizes) => foldGrid(Math.ceil((groupsOf(sizes) * sizes.heads * tokensOf(sizes) ** 2) / 64)),
  check,
  cost: cost(2, 16),
});

export const tableBlocks = defineKernel({
  ...perToken,
  name: 'window-attention-backward/table-blocks',
  source: shaders['window-attention-backward/table-blocks.wgsl'],
  bindings: { ...vectorOperands, statistics: read('vec2f'), partial_sums: write('f32') },
  grid: (sizes) => {
    const blocks = Math.ceil(tokensOf(sizes) / 4) ** 2;
    return foldGrid(Math.ceil((groupsOf(sizes) * sizes.heads * blocks) / 64));
  },
  check: (sizes) =>
    sizes.head_dim > 0 && sizes.head_dim % 4 === 0
      ? check(sizes)
      : 'the head dimension is not a multiple of 4',
  cost: cost(2, 16),
});

/** Partial sums that `tableDiagonals` writes per group of windows and head. */
export const diagonalSums = (window: number) => (window / 8) * (window + 3) * 16 * diagonalTiles(window);
const diagonalTiles = (window: number) => window ** 2 / 32;

/** The gradient of q, too. */
export const tableDiagonals = defineKernel({
  ...perSubgroup,
  name: 'window-attention-backward/table-diagonals',
  source: shaders['window-attention-backward/table-diagonals.wgsl'],
  libraries: querySums,
  constants: { HEAD_DIM_4: headDims4, ALIGNED: [true] },
  subgroupSize: 8,
  bindings: {
    ...vectorOperands,
    statistics: read('vec2f'),
    out: write('vec4f'),
    partial_sums: write('f32'),
  },
  grid: (sizes) => foldGrid(groupsOf(sizes) * sizes.heads * diagonalTiles(sizes.window)),
  check: (sizes, constants) =>
    sizes.window % 8 === 0 ? checkVectors(sizes, constants) : 'the window is not a multiple of 8',
  cost: cost(3, 20),
});

const gather = {
  bindings: { sums: read('f32'), out: write('f32') },
  params: { heads: 'u32', window: 'u32' },
  workgroup: (): Grid => [64, 1, 1],
  grid: ({ heads, window }: { heads: number; window: number }) =>
    foldGrid(Math.ceil((heads * (2 * window - 1) ** 2) / 64)),
} as const;

/** Of the sums over all windows of each pair of tokens, to the table. */
export const tableGather = defineKernel({
  ...gather,
  name: 'window-attention-backward/table-gather',
  source: shaders['window-attention-backward/table-gather.wgsl'],
  cost: ({ heads, window }) => ({ flops: heads * window ** 4, bytes: 4 * heads * window ** 4 }),
});

/** Of the sums that `tableDiagonals` makes, over all windows, to the table. */
export const tableGatherDiagonals = defineKernel({
  ...gather,
  name: 'window-attention-backward/table-gather-diagonals',
  source: shaders['window-attention-backward/table-gather-diagonals.wgsl'],
  check: ({ window }) => (window % 8 === 0 ? undefined : 'the window is not a multiple of 8'),
  cost: ({ heads, window }) => ({
    flops: heads * diagonalSums(window),
    bytes: 4 * heads * diagonalSums(window),
  }),
});
