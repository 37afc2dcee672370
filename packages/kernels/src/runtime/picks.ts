/** Variants by `pickKey`, as `tune` finds them for an adapter. */
export type TunedPicks = Readonly<Record<string, string>>;

/** Stands in for a device's choice of variants while these are compared. */
export interface Chooser {
  /** @param legal the variants that take the shape, the default first @returns the index of the one to use */
  choose(family: string, shape: unknown, legal: readonly { readonly name: string }[]): number;
}

/** What a family and a shape are called among picks, whatever the order of the shape's fields. */
export function pickKey(family: string, shape: unknown): string {
  return `${family} ${JSON.stringify(shape, sorted)}`;
}

function sorted(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
