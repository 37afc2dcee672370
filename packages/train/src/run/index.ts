/** The folder of a training run: what is written while it trains, and the report about it. */

export type * from './lines.ts';
export { formatProgress, progressToJson } from './progress.ts';
export { RunFolder } from './run-folder.ts';
export type * from './types.ts';
