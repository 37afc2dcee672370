import type { FileError } from '@lua-webgpu/kernels';
import type { RetentionPolicy } from '../checkpoint/index.ts';

/** What became of a write that training survives when it fails. */
export type Outcome<T = object> =
  | ({ readonly ok: true } & T)
  /** What lacks, as `file-disk-full`; it went to `onAlarm` too. */
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

/** How a run begins, or goes on. */
export interface RunBeginning {
  /** The resolved configuration, text for config.yaml. */
  readonly config: string;
  /** The step of the checkpoint that training goes on from; undefined where it starts anew. */
  readonly step?: number | undefined;
}

/** A validation picture. */
export interface SamplePicture {
  readonly step: number;
  readonly stage: string;
  /** A part of a file name, as `x2`. */
  readonly name: string;
  /** The PNG file's bytes. */
  readonly png: Uint8Array;
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
