/** Variants by `pickKey`, as `tune` finds them for an adapter. */
export type TunedPicks = Readonly<Record<string, string>>;

/** What was tuned for a device. Shapes are put into words for those families alone that have a pick: that takes microseconds. */
export class Tuned {
  readonly picks: TunedPicks;
  readonly #families: ReadonlySet<string>;

  constructor(picks: TunedPicks) {
    this.picks = picks;
    this.#families = new Set(Object.keys(picks).map((key) => key.slice(0, key.indexOf(' '))));
  }

  /** The variant to use, or undefined where none was tuned. */
  variantFor(family: string, shape: unknown): string | undefined {
    return this.#families.has(family) ? this.picks[pickKey(family, shape)] : undefined;
  }
}

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
