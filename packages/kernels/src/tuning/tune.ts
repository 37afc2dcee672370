import { KernelError } from '../errors.ts';
import { type Device, pickKey, type TunedPicks } from '../runtime/index.ts';

export interface TuneOptions {
  /** Timed runs of each variant; 3. The median counts. */
  readonly repeats?: number;
  /**
   * Largest difference from what the default variants compute, relative to each result's maximum; 1e-4, or 1e-2 on a device
   * whose products may round operands to float16.
   */
  readonly tolerance?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** How long each variant took for one shape. */
export interface TunedShape {
  readonly key: string;
  /** GPU time of all dispatches of this shape in one run, milliseconds, by variant; the default first. */
  readonly ms: ReadonlyMap<string, number>;
  readonly picked: string;
}

export interface TuneResult {
  /** Where another variant than the default is faster. */
  readonly picks: TunedPicks;
  readonly shapes: readonly TunedShape[];
  /** Variants that computed something else, and were not timed: `family:variant`. */
  readonly wrong: readonly string[];
}

/** A variant replaces the default where it takes less than this of its time. */
const worthwhile = 0.95;

/**
 * Finds the fastest variant for every shape that `work` meets, one family at a time and inside the real work, so that
 * what lies in caches is what it will be. A variant that makes the results differ is left out.
 *
 * @param work computes something and reads it back; the same each time
 * @throws KernelError `kernel-unsupported` where the device has no timestamps, and what `work` throws
 */
export async function tune(
  device: Device,
  work: () => Promise<readonly Float32Array[]>,
  {
    repeats = 3,
    tolerance = device.capabilities.halfProducts ? 1e-2 : 1e-4,
    signal,
    onProgress,
  }: TuneOptions = {},
): Promise<TuneResult> {
  const trial = new Trial(device);
  device.chooser = trial;
  try {
    const expected = await work();
    const families = [...trial.variants].flatMap(([family, count]) => (count > 1 ? [{ family, count }] : []));
    const total = families.reduce((sum, { count }) => sum + count, 0);
    const wrong = new Set<string>();
    let done = 0;
    for (const { family, count } of families) {
      for (let rank = 0; rank < count; rank++) {
        signal?.throwIfAborted();
        onProgress?.(done++, total);
        trial.begin(family, rank);
        const found = await work();
        if (differs(found, expected, tolerance)) {
          for (const name of trial.used) wrong.add(`${family}:${name}`);
          continue;
        }
        for (let i = 0; i < repeats; i++) trial.add(await device.trace(async () => void (await work())));
      }
    }
    onProgress?.(total, total);
    const shapes = trial.shapes();
    const picks = shapes.filter(({ ms, picked }) => picked !== [...ms.keys()][0]);
    return {
      picks: Object.fromEntries(picks.map(({ key, picked }) => [key, picked])),
      shapes,
      wrong: [...wrong],
    };
  } finally {
    device.chooser = undefined;
    device.labelPasses('');
  }
}

/** Picks of before with what a run found: of its shapes the new choice counts, the default as well. */
export function mergePicks(before: TunedPicks, { picks, shapes }: TuneResult): TunedPicks {
  const measured = new Set(shapes.map(({ key }) => key));
  const others = Object.entries(before).filter(([key]) => !measured.has(key));
  return { ...Object.fromEntries(others), ...picks };
}

/** Uses the variants of one family in turn and gathers their times. */
class Trial {
  /** The most variants that a shape of the family can have. */
  readonly variants = new Map<string, number>();
  /** Names of the variants that were tried last. */
  readonly used = new Set<string>();
  readonly #device: Device;
  /** By key and variant, of each run. */
  readonly #ms = new Map<string, Map<string, number[]>>();
  #family = '';
  #rank = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  begin(family: string, rank: number): void {
    this.#family = family;
    this.#rank = rank;
    this.used.clear();
  }

  choose(family: string, shape: unknown, legal: readonly { readonly name: string }[]): number {
    this.variants.set(family, Math.max(this.variants.get(family) ?? 0, legal.length));
    const tried = family === this.#family;
    const index = tried ? Math.min(this.#rank, legal.length - 1) : 0;
    const { name } = legal[index] as { readonly name: string };
    // A shape with fewer variants repeats its last one, which was tried before.
    const isNew = tried && index === this.#rank;
    if (isNew) this.used.add(name);
    this.#device.labelPasses(isNew ? `${name} ${pickKey(family, shape)}` : '');
    return index;
  }

  /** One run's passes. */
  add(passes: readonly { readonly label: string; readonly begin: number; readonly end: number }[]): void {
    const sums = new Map<string, number>();
    for (const { label, begin, end } of passes) {
      if (label !== '') sums.set(label, (sums.get(label) ?? 0) + end - begin);
    }
    for (const [label, ms] of sums) {
      const space = label.indexOf(' ');
      const [variant, key] = [label.slice(0, space), label.slice(space + 1)];
      const times = this.#ms.get(key) ?? new Map<string, number[]>();
      this.#ms.set(key, times);
      times.set(variant, [...(times.get(variant) ?? []), ms]);
    }
  }

  shapes(): TunedShape[] {
    return [...this.#ms].flatMap(([key, runs]) => {
      const ms = new Map([...runs].map(([variant, times]) => [variant, median(times)]));
      const [standard, ...others] = [...ms].map(([name, time]) => ({ name, time }));
      if (!standard || others.length === 0) return [];
      const fastest = others.reduce((best, each) => (each.time < best.time ? each : best));
      const picked = fastest.time < worthwhile * standard.time ? fastest : standard;
      return [{ key, ms, picked: picked.name }];
    });
  }
}

/** @throws KernelError `kernel-tune` where the work does not give the same number of results each time */
function differs(
  found: readonly Float32Array[],
  expected: readonly Float32Array[],
  tolerance: number,
): boolean {
  if (found.length !== expected.length) {
    throw new KernelError(
      'kernel-tune',
      `the work gave ${expected.length} results, then ${found.length}`,
      'Pass work that does the same each time.',
    );
  }
  return expected.some((values, i) => {
    const others = found[i] as Float32Array;
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    return values.some((value, at) => !(Math.abs(value - (others[at] as number)) <= tolerance * largest));
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
