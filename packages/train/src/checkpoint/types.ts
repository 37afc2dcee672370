import type { FileError } from '@lua-webgpu/kernels';
import type { LuaConfig } from '@lua-webgpu/lua-model';
import type { FileTensor } from '@lua-webgpu/tensor';

export type Tensors = ReadonlyMap<string, FileTensor>;

/** The adapter as an open device describes it. */
export interface AdapterRecord {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly kind: string;
  readonly origin: string;
}

/** Where training stands: what `state.json` of a checkpoint holds. Numbers are finite. */
export interface TrainingState {
  /** Steps of the optimiser over all stages. */
  readonly step: number;
  /** Name of the stage that the next step belongs to. */
  readonly stage: string;
  /** Its place in the curriculum, from 0. */
  readonly stageIndex: number;
  /** Steps of the optimiser in this stage. */
  readonly stageStep: number;
  /** Whatever else counts up: steps skipped, samples seen, seconds trained. */
  readonly counters: Readonly<Record<string, number>>;
  /** A resume on another adapter, or with other kernels, does not give the same bits. */
  readonly adapter: AdapterRecord;
  /** Kernel variants that were picked for this adapter, by family. */
  readonly kernels: Readonly<Record<string, string>>;
  /** SHA-256 of the resolved training configuration. */
  readonly configSha256: string;
  /** `lua-webgpu 0.1.0` */
  readonly version: string;
  /** Metrics of the last validation, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** When it was made, ISO 8601. */
  readonly written: string;
}

/** What a checkpoint is made of. */
export interface CheckpointContent {
  /** The network's configuration: stands in the metadata of the weight files, so that `loadLua` takes them. */
  readonly config: LuaConfig;
  /** `model.stateDict()` */
  readonly weights: Tensors;
  /** `ema.stateDict()`, names `params_ema.<parameter>`. What it lacks (frozen parameters) is as in `weights`. */
  readonly ema?: Tensors;
  /** `optimizer.stateDict()` */
  readonly optimizer: Tensors;
  readonly state: TrainingState;
}

/** `manifest.json`: the other files of a checkpoint. Written last, so that a checkpoint without it is not one. */
export interface Manifest {
  readonly format: 'lua-webgpu checkpoint';
  readonly version: 1;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** A checkpoint whose every byte was checked. */
export interface CheckpointInfo {
  /** The folder. */
  readonly path: string;
  readonly manifest: Manifest;
  readonly state: TrainingState;
  /** Of all files together. */
  readonly bytes: number;
}

/** Something among the checkpoints that is not a whole one. It is left where it is. */
export interface BrokenCheckpoint {
  readonly path: string;
  readonly error: FileError;
}

/** What a folder of checkpoints holds. */
export interface CheckpointSearch {
  /** The valid one of the highest step. */
  readonly newest: CheckpointInfo | undefined;
  /** From the highest step down. */
  readonly valid: readonly CheckpointInfo[];
  readonly broken: readonly BrokenCheckpoint[];
}

/** Which checkpoints stay. The newest valid one and the best one do in any case, and so does what is broken. */
export interface RetentionPolicy {
  /** So many of the highest steps; at least 1. */
  readonly keepLast: number;
  /** Besides them those whose step is a multiple of this. */
  readonly keepEvery?: number;
}

/** `best.json` */
export interface BestCheckpoint {
  /** Name of the metric, as `psnr.x2.lua`. */
  readonly metric: string;
  readonly value: number;
  readonly step: number;
  /** Name of the checkpoint's folder. */
  readonly checkpoint: string;
}
