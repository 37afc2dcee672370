/** The folder of a training run: what is written while it trains, and the report about it. */

export type * from './lines.ts';
export { formatBytes, formatDuration, formatProgress, progressToJson } from './progress.ts';
export { type RunSummary, writeReport } from './report/index.ts';
export { RunFolder } from './run-folder.ts';
export type * from './types.ts';
