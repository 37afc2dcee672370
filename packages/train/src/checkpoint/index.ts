/** Checkpoints: folders that are there whole or not at all, and that are believed only where their hashes agree. */

export { readBest, recordBest } from './best.ts';
export { candidates, describeCheckpoint, findCheckpoints, readCheckpoint, verifyCheckpoint } from './read.ts';
export { applyRetention, type RetentionReport } from './retention.ts';
export type {
  AdapterRecord,
  BestCheckpoint,
  BrokenCheckpoint,
  CheckpointContent,
  CheckpointInfo,
  CheckpointSearch,
  Manifest,
  RetentionPolicy,
  Tensors,
  TrainingState,
} from './types.ts';
export { checkpointName, writeCheckpoint } from './write.ts';
