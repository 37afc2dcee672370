import type { RunData } from './data.ts';
import { smooth } from './series.ts';

/** The end of a run in numbers, for programs. */
export interface RunSummary {
  readonly name: string | null;
  /** Why it ended; null where it did not, or was killed. */
  readonly end: string | null;
  readonly step: number;
  readonly steps: number | null;
  readonly seconds: number;
  readonly stages: readonly {
    readonly name: string;
    readonly first: number;
    readonly last: number;
    /** Averages over the end of the stage, as the charts draw them. */
    readonly loss: number;
    readonly terms: Readonly<Record<string, number>>;
    readonly samplesPerSecond: number;
  }[];
  /** PSNR in dB of the last validation, by scale, by who made the pixels. */
  readonly lastPsnr: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly skipped: number;
  readonly alarms: number;
  readonly best: string | null;
  /** Name of the checkpoint with the highest step that is there. */
  readonly newest: string | null;
}

export function summarise(data: RunData): RunSummary {
  const there = data.checkpoints.filter(({ state }) => state === 'there');
  const last = (points: Parameters<typeof smooth>[0]) => smooth(points).at(-1)?.y ?? Number.NaN;
  return {
    name: data.start?.name ?? null,
    end: data.end?.reason ?? null,
    step: data.lastStep,
    steps: data.plannedSteps ?? null,
    seconds: data.seconds,
    stages: data.stages.map(({ name, first, last: end, loss, terms, samplesPerSecond }) => ({
      name,
      first,
      last: end,
      loss: last(loss),
      terms: Object.fromEntries([...terms].map(([term, points]) => [term, last(points)])),
      samplesPerSecond: last(samplesPerSecond),
    })),
    lastPsnr: Object.fromEntries(data.validations.at(-1)?.psnr ?? []),
    skipped: data.skipped.length,
    alarms: data.alarms.length,
    best: there.find(({ best }) => best)?.name ?? null,
    newest: there.at(-1)?.name ?? null,
  };
}

/** `x2` as `×2` */
export function scaleName(key: string): string {
  return key.replace(/^x(?=\d)/, '×');
}
