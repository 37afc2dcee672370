export type Grid = readonly [x: number, y: number, z: number];

/** A number of workgroups in one dimension, which becomes two dimensions where one does not hold it. */
export interface Folded {
  readonly groups: number;
}

/** Workgroups by dimension; a folded number stands for two. What is missing is 1. */
export type GridSpec = readonly (number | Folded)[];

/** What a dimension holds on every device. */
const dimension = 65_535;

/**
 * Groups in one dimension that may be folded into two. Kernels undo it with
 * `workgroup.y * num_workgroups.x + workgroup.x` and have to guard the few surplus groups of the last row.
 */
export const foldGrid = (groups: number): readonly [Folded] => [{ groups }];

/** @param row groups above which a number is folded; more where the rows would not fit a dimension otherwise */
export function resolveGrid(spec: GridSpec, row = dimension): Grid {
  const [x = 1, y = 1, z = 1] = spec.flatMap((each) => (typeof each === 'number' ? [each] : fold(each, row)));
  return [x, y, z];
}

function fold({ groups }: Folded, row: number): [number, number] {
  const longest = Math.max(row, Math.ceil(groups / dimension));
  if (groups <= longest) return [groups, 1];
  const rows = Math.ceil(groups / longest);
  return [Math.ceil(groups / rows), rows];
}
