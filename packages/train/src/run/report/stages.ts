import type { ReadLine } from '../metrics-file.ts';
import { numberOf, numbersOf } from './known-line.ts';
import type { Point } from './series.ts';

/** What a stage's lines say, as curves over the steps of the run. */
export interface StageCurves {
  readonly name: string;
  /** Steps that it was to have; undefined where its first line is missing. */
  readonly planned: number | undefined;
  readonly batch: number | undefined;
  /** Loss weights by term. */
  readonly losses: Readonly<Record<string, number>>;
  readonly first: number;
  readonly last: number;
  /** Steps taken. */
  readonly taken: number;
  readonly loss: Point[];
  readonly terms: Map<string, Point[]>;
  readonly weighted: Map<string, Point[]>;
  readonly lr: Point[];
  readonly gradientNorm: Point[];
  readonly samplesPerSecond: Point[];
  /** Milliseconds of all steps together, by what they went to. */
  readonly ms: Map<string, number>;
  readonly peakBytes: number;
}

/** Gathers the curves of one stage line by line. */
export class StageCollector {
  readonly name: string;
  #planned: number | undefined;
  #batch: number | undefined;
  #losses: Readonly<Record<string, number>> = {};
  #first = Number.POSITIVE_INFINITY;
  #last = 0;
  #taken = 0;
  #peakBytes = 0;
  readonly #curves = {
    loss: [] as Point[],
    lr: [] as Point[],
    gradientNorm: [] as Point[],
    samplesPerSecond: [] as Point[],
    terms: new Map<string, Point[]>(),
    weighted: new Map<string, Point[]>(),
    ms: new Map<string, number>(),
  };

  constructor(name: string) {
    this.name = name;
  }

  add(line: ReadLine): void {
    if (line.type === 'stage') {
      this.#planned = line.steps;
      this.#batch = line.batch;
      this.#losses = line.losses;
    }
    if (line.type !== 'step') return;
    this.#first = Math.min(this.#first, line.step);
    this.#last = Math.max(this.#last, line.step);
    this.#taken += 1;
    const x = line.step;
    const { terms, weighted, ms, ...single } = this.#curves;
    for (const key of ['loss', 'lr', 'gradientNorm', 'samplesPerSecond'] as const) {
      single[key].push({ x, y: numberOf(line[key]) });
    }
    for (const [name, y] of Object.entries(numbersOf(line.terms))) listed(terms, name).push({ x, y });
    for (const [name, y] of Object.entries(numbersOf(line.weighted))) listed(weighted, name).push({ x, y });
    for (const [name, each] of Object.entries(numbersOf(line.ms))) ms.set(name, (ms.get(name) ?? 0) + each);
    this.#peakBytes = Math.max(this.#peakBytes, numberOf(line.memory?.peak) || 0);
  }

  curves(): StageCurves {
    return {
      name: this.name,
      planned: this.#planned,
      batch: this.#batch,
      losses: this.#losses,
      first: this.#taken > 0 ? this.#first : 0,
      last: this.#last,
      taken: this.#taken,
      peakBytes: this.#peakBytes,
      ...this.#curves,
    };
  }
}

function listed(map: Map<string, Point[]>, name: string): Point[] {
  const list = map.get(name) ?? [];
  map.set(name, list);
  return list;
}
