import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AdapterDescription } from '@lua-webgpu/kernels';
import type { Measurement } from './measure.ts';

/** What one run measured. */
export interface Report {
  readonly adapter: AdapterDescription;
  readonly date: string;
  /** A copy, and independent multiply-adds: what this adapter could do in this run. */
  readonly ceilings: readonly [Measurement, Measurement];
  readonly rows: readonly Measurement[];
}

const folder = new URL('results/', import.meta.url);

export function saveReport(name: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(report, null, 2)}\n`);
}

/** @throws Error where no run of that name was saved */
export const savedReport = (name: string): Report =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));

/**
 * A kernel cannot take less time than its arithmetic or its traffic would at the measured ceilings: the share of the one
 * that it comes nearer to.
 */
export const shareOfCeiling = (row: Measurement, [copy, multiplyAdd]: Report['ceilings']): number =>
  Math.max(row.gflops / multiplyAdd.gflops, row.gbytes / copy.gbytes);

/** As Markdown. */
export function tableOf({ adapter, ceilings, rows }: Report): string {
  const [copy, multiplyAdd] = ceilings;
  const lines = rows.map((row) => [
    row.name,
    row.ms.toFixed(3),
    row.spread.toFixed(1),
    row.gflops.toFixed(2),
    row.gbytes.toFixed(2),
    shareOfCeiling(row, ceilings).toFixed(2),
  ]);
  return [
    `${adapter.name}: copy ${copy.gbytes.toFixed(1)} GB/s, multiply-add ${multiplyAdd.gflops.toFixed(1)} GFLOP/s`,
    '',
    '| case | ms | ± % | GFLOP/s | GB/s | of the ceiling |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

/** A case whose share of the ceiling differs between two runs. */
export interface Change {
  readonly name: string;
  readonly before: number;
  readonly now: number;
}

/** Slower than this is flagged. */
const tolerated = 1.1;

/**
 * Cases that reach less of their run's ceiling than they did, the worst first. Shares and not milliseconds are compared,
 * since two runs do not find the machine equally busy.
 */
export function slowdowns(before: Report, now: Report): Change[] {
  const known = new Map(before.rows.map((row) => [row.name, shareOfCeiling(row, before.ceilings)]));
  return now.rows
    .flatMap((row): Change[] => {
      const share = known.get(row.name);
      return share === undefined
        ? []
        : [{ name: row.name, before: share, now: shareOfCeiling(row, now.ceilings) }];
    })
    .filter((change) => change.before > tolerated * change.now)
    .sort((a, b) => b.before / b.now - a.before / a.now);
}
