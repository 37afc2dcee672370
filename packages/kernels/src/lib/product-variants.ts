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
  workgroupBytes: ({ ROWS, HALF }: Constants) => (HALF ? 8 : 16) * (32 * Number(ROWS) + 16 * 17),
};

/** Of the matrix product that a kernel computes: rows × depth times depth × columns. */
export interface ProductSize {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/**
 * Variants of a product in the order to try them: by tiles in workgroup memory in front on hardware, by subgroups on software.
 */
export function preferProduct<V extends { readonly name: string }>(
  variants: readonly V[],
  capabilities: Capabilities,
  size: ProductSize,
): readonly V[] {
  return capabilities.software
    ? preferSubgroupRows(variants, capabilities, size.rows)
    : preferSharedTiles(variants, size);
}

/**
 * Variants with `subgroup-32` in front where it is faster: on software, where loads are what costs, with eight lanes or
 * more, and where the rows keep some cores busy.
 */
export function preferSubgroupRows<V extends { readonly name: string }>(
  variants: readonly V[],
  { software, subgroupSize = 1 }: Capabilities,
  rows: number,
): readonly V[] {
  if (!software || subgroupSize < 8 || rows < 256) return variants;
  return variants.toSorted((a, b) => Number(b.name === 'subgroup-32') - Number(a.name === 'subgroup-32'));
}

/** Variants without those by subgroups where these leave lanes idle: one per missing vec4 of channels. `tiled` fills up with rows. */
export function withoutIdleLanes<V extends { readonly name: string }>(
  variants: readonly V[],
  { subgroupSize = 1 }: Capabilities,
  channels: number,
): readonly V[] {
  if (channels > 4 && channels >= subgroupSize) return variants;
  return variants.filter(({ name }) => !name.startsWith('subgroup'));
}

/** Workgroups below which smaller tiles are taken: a large GPU has some 130 processors, each with room for several. */
const fewWorkgroups = 512;

/**
 * Variants with tiles in workgroup memory in front, f16 first (where that is not allowed, they are refused), where half of a tile
 * is of use in each direction. By reckoning, not by measurement: `tune` measures.
 */
export function preferSharedTiles<V extends { readonly name: string }>(
  variants: readonly V[],
  { rows, columns, depth }: ProductSize,
): readonly V[] {
  if (2 * columns < sharedColumns || rows < 16 || depth < 8) return variants;
  const few = Math.ceil(rows / 64) * Math.ceil(columns / sharedColumns) < fewWorkgroups;
  const tiles = ['shared-half', 'shared'];
  const order = ['subgroup-matrix', ...(few ? ['shared-32-half', 'shared-32'] : []), ...tiles];
  const rank = ({ name }: V) => (order.includes(name) ? order.indexOf(name) : order.length);
  return variants.toSorted((a, b) => rank(a) - rank(b));
}
