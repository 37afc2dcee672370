import type { FileError } from '@lua-webgpu/kernels';
import type {
  CheckpointContent,
  CheckpointInfo,
  CheckpointSearch,
  RetentionPolicy,
} from '../checkpoint/index.ts';
import type { MetricLine } from './lines.ts';

/** What became of a write that training survives when it fails. */
export type Outcome<T = unknown> =
  | ({ readonly ok: true } & T)
  /** `disk-full` or `file-unwritable`; it went to `onAlarm` too. */
  | { readonly ok: false; readonly error: FileError };

export interface RunFolderOptions {
  /** Go on with the run in the folder; without it a folder that has one is refused. */
  readonly resume?: boolean;
  /** One line for a person: a lock taken over, a broken checkpoint passed by, lines cut off. */
  readonly onNotice?: (line: string) => void;
  /** What a person must see at once: the disk is full, and when it is no longer. */
  readonly onAlarm?: (error: FileError) => void;
}

export interface SaveOptions {
  readonly retention: RetentionPolicy;
  /** The metric that decides which checkpoint is the best, where this one was validated. */
  readonly best?: { readonly metric: string; readonly value: number; readonly mode: 'max' | 'min' };
  readonly signal?: AbortSignal;
}

/**
 * RunFolder.open(path, options) locks, cleans leftovers of dead processes and looks for checkpoints;
 * `start` then cuts the metrics behind the step that training goes on from.
 */
export interface RunFolderFace {
  readonly path: string;
  /** What was in checkpoints/ when the folder was opened. */
  readonly found: CheckpointSearch;
  /** The text of config.yaml where there is a run already. */
  readonly previousConfig: string | undefined;
  start(begin: { readonly config: string; readonly step: number }): Promise<void>;
  append(line: MetricLine): Promise<Outcome<{ readonly pending: 0 }>>;
  saveSample(sample: {
    readonly step: number;
    readonly stage: string;
    readonly name: string;
    readonly png: Uint8Array;
  }): Promise<Outcome<{ readonly file: string }>>;
  saveCheckpoint(
    content: CheckpointContent,
    options: SaveOptions,
  ): Promise<Outcome<{ readonly checkpoint: CheckpointInfo; readonly best: boolean }>>;
  /** Writes report.html. */
  report(): Promise<Outcome<{ readonly file: string }>>;
  close(): Promise<void>;
}

/** One moment of training, for a person. */
export interface Progress {
  readonly stage: string;
  /** In the stage. */
  readonly step: number;
  readonly steps: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly lr: number;
  readonly samplesPerSecond: number;
  /** To the end of the run. */
  readonly secondsLeft: number;
  readonly memoryBytes: number;
}
