import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** Pixels that one invocation adds up, as in the shaders. */
export const pixelsPerChunk = 64;

const params = {
  images: 'u32',
  rows: 'u32',
  pixels: 'u32',
  channels: 'u32',
  groups: 'u32',
  per_group: 'u32',
  all: 'u32',
  first_image: 'u32',
  first_chunk: 'u32',
  all_chunks: 'u32',
  base: 'u32',
  eps: 'f32',
} as const;
export type PieceParams = { readonly [K in keyof typeof params]: number };

const common = {
  libraries: { 'group-norm/groups.wgsl': shaders['group-norm/groups.wgsl'] },
  params,
  workgroup: (): Grid => [64, 1, 1],
} as const;
const perChunk = (width: number) => (sizes: PieceParams) => {
  const chunks = sizes.images * Math.ceil(sizes.rows / pixelsPerChunk);
  return foldGrid(Math.ceil((chunks * sizes.channels) / (64 * width)));
};
const perElement = (width: number) => (sizes: PieceParams) =>
  foldGrid(Math.ceil((sizes.images * sizes.rows * sizes.channels) / (64 * width)));
const cost = (flops: number, bytes: number) => (sizes: PieceParams) => {
  const values = sizes.images * sizes.rows * sizes.channels;
  return { flops: flops * values, bytes: bytes * values };
};
const check = ({ channels }: PieceParams) =>
  channels % 4 === 0 ? undefined : 'channels are not a multiple of 4';
const statistics = read('f32');

export const deviationsVectors = defineKernel({
  ...common,
  name: 'group-norm/deviations-vectors',
  source: shaders['group-norm/deviations-vectors.wgsl'],
  bindings: { x: read('vec4f'), statistics, partial_sums: write('vec4f') },
  grid: perChunk(4),
  check,
  cost: cost(3, 4),
});

export const deviationsScalar = defineKernel({
  ...common,
  name: 'group-norm/deviations-scalar',
  source: shaders['group-norm/deviations-scalar.wgsl'],
  bindings: { x: read('f32'), statistics, partial_sums: write('f32') },
  grid: perChunk(1),
  cost: cost(3, 4),
});

export const applyVectors = defineKernel({
  ...common,
  name: 'group-norm/apply-vectors',
  source: shaders['group-norm/apply-vectors.wgsl'],
  bindings: {
    x: read('vec4f'),
    statistics,
    weight: read('vec4f'),
    bias: read('vec4f'),
    out: write('vec4f'),
  },
  grid: perElement(4),
  check,
  cost: cost(4, 8),
});

export const applyScalar = defineKernel({
  ...common,
  name: 'group-norm/apply-scalar',
  source: shaders['group-norm/apply-scalar.wgsl'],
  bindings: { x: read('f32'), statistics, weight: read('f32'), bias: read('f32'), out: write('f32') },
  grid: perElement(1),
  cost: cost(4, 8),
});

export const sumsVectors = defineKernel({
  ...common,
  name: 'group-norm/sums-vectors',
  source: shaders['group-norm/sums-vectors.wgsl'],
  bindings: { x: read('vec4f'), gradient: read('vec4f'), statistics, partial_sums: write('vec4f') },
  grid: perChunk(4),
  check,
  cost: cost(5, 8),
});

export const sumsScalar = defineKernel({
  ...common,
  name: 'group-norm/sums-scalar',
  source: shaders['group-norm/sums-scalar.wgsl'],
  bindings: { x: read('f32'), gradient: read('f32'), statistics, partial_sums: write('f32') },
  grid: perChunk(1),
  cost: cost(5, 8),
});

export const inputVectors = defineKernel({
  ...common,
  name: 'group-norm/input-vectors',
  source: shaders['group-norm/input-vectors.wgsl'],
  bindings: {
    x: read('vec4f'),
    gradient: read('vec4f'),
    statistics,
    weight: read('vec4f'),
    coefficients: read('vec2f'),
    out: write('vec4f'),
  },
  grid: perElement(4),
  check,
  cost: cost(7, 12),
});

export const inputScalar = defineKernel({
  ...common,
  name: 'group-norm/input-scalar',
  source: shaders['group-norm/input-scalar.wgsl'],
  bindings: {
    x: read('f32'),
    gradient: read('f32'),
    statistics,
    weight: read('f32'),
    coefficients: read('vec2f'),
    out: write('f32'),
  },
  grid: perElement(1),
  cost: cost(7, 12),
});

/** Of the channels' sums, to two means per group. */
export const coefficientsOfGroups = defineKernel({
  name: 'group-norm/coefficients',
  source: shaders['group-norm/coefficients.wgsl'],
  bindings: { sums: read('f32'), weight: read('f32'), coefficients: write('vec2f') },
  params: { images: 'u32', pixels: 'u32', groups: 'u32', per_group: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ images, groups }) => foldGrid(Math.ceil((images * groups) / 64)),
  cost: ({ images, groups, per_group }) => ({
    flops: 4 * images * groups * per_group,
    bytes: 8 * images * groups * per_group,
  }),
});
