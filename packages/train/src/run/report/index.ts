/** The report of a run: what metrics.jsonl, samples/ and checkpoints/ tell, as one HTML file. */

export { writeReport } from './report.ts';
export type { RunSummary } from './summary.ts';
