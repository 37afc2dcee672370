import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** Rows that one invocation of the parameters' gradients adds up, as in the shaders. */
export const rowsPerGroup = 64;

const vectorParams = { rows: 'u32', c4: 'u32' } as const;
const scalarParams = { rows: 'u32', channels: 'u32' } as const;
const rowGrid = ({ rows }: { rows: number }) => foldGrid(Math.ceil(rows / 64));
const inputCost = (values: number) => ({ flops: 12 * values, bytes: 12 * values });
const parametersCost = (values: number) => ({ flops: 5 * values, bytes: 8 * values });
const columnGrid = (rows: number, columns: number) =>
  foldGrid(Math.ceil((Math.ceil(rows / rowsPerGroup) * columns) / 64));

const inputBindings = (element: 'f32' | 'vec4f') => ({
  x: read(element),
  weight: read(element),
  gradient: read(element),
  statistics: read('vec2f'),
  out: write(element),
});

export const inputSubgroup = defineKernel({
  name: 'layer-norm-backward/input-subgroup',
  source: shaders['layer-norm-backward/input-subgroup.wgsl'],
  features: ['subgroups'],
  bindings: inputBindings('vec4f'),
  params: vectorParams,
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: ({ rows }) => foldGrid(Math.ceil(rows / 4)),
  cost: ({ rows, c4 }) => inputCost(4 * rows * c4),
});

export const inputPortable = defineKernel({
  name: 'layer-norm-backward/input-portable',
  source: shaders['layer-norm-backward/input-portable.wgsl'],
  bindings: inputBindings('vec4f'),
  params: vectorParams,
  workgroup: () => [64, 1, 1],
  grid: rowGrid,
  cost: ({ rows, c4 }) => inputCost(4 * rows * c4),
});

export const inputScalar = defineKernel({
  name: 'layer-norm-backward/input-scalar',
  source: shaders['layer-norm-backward/input-scalar.wgsl'],
  bindings: inputBindings('f32'),
  params: scalarParams,
  workgroup: () => [64, 1, 1],
  grid: rowGrid,
  cost: ({ rows, channels }) => inputCost(rows * channels),
});

export const parametersPortable = defineKernel({
  name: 'layer-norm-backward/parameters-portable',
  source: shaders['layer-norm-backward/parameters-portable.wgsl'],
  bindings: {
    x: read('vec4f'),
    gradient: read('vec4f'),
    statistics: read('vec2f'),
    partial_sums: write('vec4f'),
  },
  params: { ...vectorParams, first_group: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ rows, c4 }) => columnGrid(rows, c4),
  cost: ({ rows, c4 }) => parametersCost(4 * rows * c4),
});

export const parametersScalar = defineKernel({
  name: 'layer-norm-backward/parameters-scalar',
  source: shaders['layer-norm-backward/parameters-scalar.wgsl'],
  bindings: { x: read('f32'), gradient: read('f32'), statistics: read('vec2f'), partial_sums: write('f32') },
  params: { ...scalarParams, first_group: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ rows, channels }) => columnGrid(rows, channels),
  cost: ({ rows, channels }) => parametersCost(rows * channels),
});
