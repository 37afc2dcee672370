import type { Capabilities } from '../capabilities.ts';

/** Rows of a product that a subgroup takes at once. */
export const subgroupRows = [16, 32] as const;

/** The variant of a family that takes `rows` rows. */
export const subgroupRowsName = (rows: number): string => (rows === 16 ? 'subgroup' : `subgroup-${rows}`);

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
