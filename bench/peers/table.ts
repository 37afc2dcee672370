import type { AdapterDescription } from '@lua-webgpu/kernels';
import type { ContenderName } from './packages.ts';

/** What a contender did with a problem: a median of milliseconds, or why there is none. */
export type Outcome =
  | { readonly kind: 'timed'; readonly ms: number; readonly samples: readonly number[] }
  /** Its results differ from ours by more than `tolerated`. */
  | { readonly kind: 'wrong'; readonly difference: number }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The raw kernels are a ceiling for a few problems, no library. */
  | { readonly kind: 'absent' };

export interface Row {
  readonly name: string;
  readonly outcomes: Readonly<Partial<Record<ContenderName, Outcome>>>;
}

export interface Comparison {
  readonly adapter: AdapterDescription;
  readonly date: string;
  /** Of what was measured, with its version, in the order of the columns. */
  readonly titles: Readonly<Partial<Record<ContenderName, string>>>;
  readonly rows: readonly Row[];
}

/** Largest difference, over the largest magnitude of the result, that still counts as the same computation. */
export const tolerated = 1e-3;

const msOf = (row: Row, name: ContenderName): number | undefined => {
  const outcome = row.outcomes[name];
  return outcome?.kind === 'timed' ? outcome.ms : undefined;
};

/** Time of the fastest peer over ours: above 1 ours is the fastest. Undefined where either has none. */
export function bestPeerOverOurs(row: Row): number | undefined {
  const peers = (['tfjs', 'jax-js', 'onnxruntime'] as const).flatMap((name) => msOf(row, name) ?? []);
  const ours = msOf(row, 'ours');
  return ours === undefined || peers.length === 0 ? undefined : Math.min(...peers) / ours;
}

/** Our time over that of the hand-made kernel. */
export function oursOverRaw(row: Row): number | undefined {
  const [ours, raw] = [msOf(row, 'ours'), msOf(row, 'raw')];
  return ours === undefined || raw === undefined ? undefined : ours / raw;
}

function cellOf(outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'timed':
      return outcome.ms < 100 ? outcome.ms.toPrecision(3) : outcome.ms.toFixed(0);
    case 'wrong':
      return 'wrong';
    case 'failed':
      return 'cannot';
    default:
      return '–';
  }
}

const ratio = (value: number | undefined) => value?.toFixed(2) ?? '–';

/** As Markdown, with a line below for everything that could not be measured. */
export function tableOf({ adapter, titles, rows }: Comparison): string {
  const names = Object.keys(titles) as ContenderName[];
  const heads = [...names.map((name) => titles[name] as string), 'best peer / ours', 'ours / raw'];
  const lines = rows.map((row) =>
    [
      row.name,
      ...names.map((name) => cellOf(row.outcomes[name])),
      ratio(bestPeerOverOurs(row)),
      ratio(oursOverRaw(row)),
    ].join(' | '),
  );
  return [
    `${adapter.name}, ms (medians)`,
    '',
    `| problem | ${heads.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(heads.length)}`,
    ...lines.map((line) => `| ${line} |`),
    ...remarks(rows),
  ].join('\n');
}

/** The reason for each cell without a number. */
function remarks(rows: readonly Row[]): string[] {
  const found = rows.flatMap((row) =>
    Object.entries(row.outcomes).flatMap(([name, outcome]) => {
      if (outcome.kind === 'failed') return [`- ${name}, ${row.name}: ${outcome.reason}`];
      if (outcome.kind !== 'wrong') return [];
      return [`- ${name}, ${row.name}: wrong, differs from ours by ${outcome.difference.toPrecision(2)}`];
    }),
  );
  return found.length > 0 ? ['', ...found] : [];
}
