import { epsilon } from './tolerance.ts';

/**
 * Additions that a term passes through in a sum by trees, and two more where four lanes are joined: at most 32 in each
 * pass of 256 terms.
 */
export function treeDepth(terms: number): number {
  return Math.min(terms, 34 * Math.ceil(Math.log2(Math.max(2, terms)) / 8)) + 2;
}

/** Error bound of a sum by trees of `terms` terms, each of them off by `ulps` units in the last place. */
export function treeSumBound(terms: number, magnitudes: Float64Array, ulps = 0): Float64Array {
  const depth = terms > 1 ? treeDepth(terms) : 0;
  const tiny = terms * 2 ** -126;
  return magnitudes.map((magnitude) => epsilon * (depth + 2 * ulps) * magnitude + (ulps > 0 ? tiny : 0));
}
