import type { Family, Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { type AnyKernel, defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** x [outer, size, columns] and out [outer, rows, columns] of a gather; of a scatter-add the other way round. */
export interface GatherShape {
  readonly outer: number;
  readonly size: number;
  readonly rows: number;
  readonly columns: number;
  /** Whether the index is one list [rows] for all, rather than [outer, rows, columns]. */
  readonly shared: boolean;
}

const workgroup = (): Grid => [64, 1, 1];
const grid = ({ count }: { readonly count: number }) => foldGrid(Math.ceil(count / 64));
const lanesOf = (vector: unknown) => (vector === true ? 4 : 1);

export const gatherKernel = defineKernel({
  name: 'gather/gather',
  source: shaders['gather/gather.wgsl'],
  constants: { VECTOR: [false, true] },
  bindings: { x: read('Element'), index: read('u32'), out: write('Element') },
  params: {
    count: 'u32',
    rows: 'u32',
    columns: 'u32',
    size: 'u32',
    fill: 'u32',
    x_first: 'u32',
    x_outer: 'u32',
    x_row: 'u32',
    index_first: 'u32',
    index_outer: 'u32',
    index_row: 'u32',
    index_column: 'u32',
    out_first: 'u32',
    out_outer: 'u32',
    out_row: 'u32',
  },
  workgroup,
  grid,
  check: ({ size }) => (size > 0 ? undefined : 'needs something to take from'),
  cost: ({ count, rows, index_column }, { VECTOR }) => ({
    flops: 0,
    bytes: 8 * lanesOf(VECTOR) * count + 4 * (index_column === 0 ? rows : count),
  }),
});

export const gatherLinks = defineKernel({
  name: 'gather/links',
  source: shaders['gather/links.wgsl'],
  bindings: { index: read('u32'), out: write('u32') },
  params: {
    count: 'u32',
    lines: 'u32',
    columns: 'u32',
    first_line: 'u32',
    size: 'u32',
    rows: 'u32',
    index_first: 'u32',
    index_outer: 'u32',
    index_row: 'u32',
    index_column: 'u32',
    out_first: 'u32',
    out_outer: 'u32',
    out_row: 'u32',
  },
  workgroup,
  grid,
  cost: ({ count, lines, rows }) => ({ flops: 0, bytes: 4 * count * (1 + rows / lines) }),
});

export const scatterAddKernel = defineKernel({
  name: 'gather/scatter-add',
  source: shaders['gather/scatter-add.wgsl'],
  constants: { VECTOR: [false, true] },
  bindings: { x: read('Element'), links: read('u32'), out: write('Element') },
  params: {
    count: 'u32',
    lines: 'u32',
    columns: 'u32',
    first_line: 'u32',
    size: 'u32',
    rows: 'u32',
    x_first: 'u32',
    x_outer: 'u32',
    x_row: 'u32',
    links_first: 'u32',
    links_outer: 'u32',
    links_row: 'u32',
    links_column: 'u32',
    out_first: 'u32',
    out_outer: 'u32',
    out_row: 'u32',
  },
  workgroup,
  grid,
  cost: ({ count, lines, rows, size, links_column }, { VECTOR }) => {
    const added = (count / lines) * rows;
    const links = links_column === 0 ? size + rows : count + added;
    return { flops: lanesOf(VECTOR) * added, bytes: 4 * (lanesOf(VECTOR) * (count + added) + links) };
  },
});

type GatherVariant = Variant<GatherShape> & { readonly lanes: 1 | 4 };

const family = (name: string, kernel: AnyKernel): Family<GatherShape, GatherVariant> => ({
  name,
  variants: [
    {
      name: 'vector',
      kernel,
      constants: () => ({ VECTOR: true }),
      refuses({ columns, shared }) {
        if (!shared) return 'takes one list of indices for all';
        return columns % 4 === 0 ? undefined : 'takes columns in multiples of 4';
      },
      lanes: 4,
    },
    { name: 'scalar', kernel, constants: () => ({ VECTOR: false }), lanes: 1 },
  ],
});

export const gatherFamily = family('gather', gatherKernel);
export const scatterAddFamily = family('scatter-add', scatterAddKernel);
