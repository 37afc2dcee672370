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
export declare function saveReport(name: string, report: Report): void;
/** @throws Error where no run of that name was saved */
export declare const savedReport: (name: string) => Report;
/**
 * A kernel cannot take less time than its arithmetic or its traffic would at the measured ceilings: the share of the one
 * that it comes nearer to.
 */
export declare const shareOfCeiling: (row: Measurement, [copy, multiplyAdd]: Report['ceilings']) => number;
/** As Markdown. */
export declare function tableOf({ adapter, ceilings, rows }: Report): string;
/** A case whose share of the ceiling differs between two runs. */
export interface Change {
  readonly name: string;
  readonly before: number;
  readonly now: number;
}
/**
 * Cases that reach less of their run's ceiling than they did, the worst first. Shares and not milliseconds are compared,
 * since two runs do not find the machine equally busy.
 */
export declare function slowdowns(before: Report, now: Report): Change[];
//# sourceMappingURL=report.d.ts.map
