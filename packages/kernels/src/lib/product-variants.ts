import type { Capabilities } from '../capabilities.ts';
import { shaders } from '../shaders.generated.ts';
import type { Constants, Grid } from '../wgsl/index.ts';

/** Rows of a product that a subgroup takes at once. */
export const subgroupRows = [16, 32] as const;

/** The variant of a family that takes `rows` rows. */
export const subgroupRowsName = (rows: number): string => (rows === 16 ? 'subgroup' : `subgroup-${rows}`);

/** Rows that an invocation takes of a tile in workgroup memory, whose height is eight times as much. */
export const sharedRows = [8, 4] as const;

/** The variants by such tiles: their rows, and whether the tiles are f16. */
export const sharedTiles = sharedRows.flatMap((ROWS) =>
  [false, true].map((half) => ({
    name: `shared${ROWS === 8 ? '' : `-${8 * ROWS}`}${half ? '-half' : ''}`,
    ROWS,
    half,
  })),
);

/** Columns of a tile. */
export const sharedColumns = 64;

/** What kernels by tiles in workgroup memory declare alike. */
export const sharedTile = {
  libraries: { 'lib/shared-tile.wgsl': shaders['lib/shared-tile.wgsl'] },
  constants: { ROWS: sharedRows },
  workgroup: (): Grid => [16, 8, 1],
  workgroupBytes: ({ ROWS, HALF }: Constants) => (HALF ? 8 : 16) * (32 * Number(ROWS) + 256),
};

/**
 * Variants of a product of so many rows and columns in the order to try them: by tiles in workgroup memory in front on hardware, by
 * subgroups on software.
 */
export function preferProduct<V extends { readonly name: string }>(
  variants: readonly V[],
  capabilities: Capabilities,
  rows: number,
  columns: number,
): readonly V[] {
  return capabilities.software
    ? preferSubgroupRows(variants, capabilities, rows)
    : preferSharedTiles(variants, rows, columns);
}

/**
 * Variants with `subgroup-32` in front where it is faster: on software, where loads are what costs, with eight lanes or
 * more, and where the rows keep some cores busy.
 */
function preferSubgroupRows<V extends { readonly name: string }>(
  variants: readonly V[],
  { software, subgroupSize = 1 }: Capabilities,
  rows: number,
): readonly V[] {
  if (!software || subgroupSize < 8 || rows < 256) return variants;
  return variants.toSorted((a, b) => Number(b.name === 'subgroup-32') - Number(a.name === 'subgroup-32'));
}

/** Workgroups below which smaller tiles are taken: a large GPU has some 130 processors, each with room for several. */
const fewWorkgroups = 512;

/**
 * Variants with tiles in workgroup memory in front, f16 first (where that is not allowed, they are refused), where the columns fill
 * half of a tile. By reckoning, not by measurement: `tune` measures.
 */
function preferSharedTiles<V extends { readonly name: string }>(
  variants: readonly V[],
  rows: number,
  columns: number,
): readonly V[] {
  if (2 * columns < sharedColumns) return variants;
  const few = Math.ceil(rows / 64) * Math.ceil(columns / sharedColumns) < fewWorkgroups;
  const tiles = ['shared-half', 'shared'];
  const order = ['subgroup-matrix', ...(few ? ['shared-32-half', 'shared-32'] : []), ...tiles];
  const rank = ({ name }: V) => (order.includes(name) ? order.indexOf(name) : order.length);
  return variants.toSorted((a, b) => rank(a) - rank(b));
}
