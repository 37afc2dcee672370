import type { AdapterRecord } from '../checkpoint/index.ts';

/** PSNR in dB of what a validation decoded, by who made the pixels. */
export interface ValidationPsnr {
  readonly lua: number;
  /** Bicubic interpolation of the latent, then the decoder: the floor. */
  readonly bicubic_latent?: number;
  /** The small latent decoded, the pixels resized bicubically: what a latent upscaler has to beat. */
  readonly decode_bicubic?: number;
  /** The original encoded and decoded: a reference, not a bound. */
  readonly round_trip?: number;
}

/** One step of the optimiser. */
export interface StepLine {
  readonly type: 'step';
  readonly stageStep: number;
  /** The weighted sum. */
  readonly loss: number;
  /** Each term by itself, names as `l1_latent`. */
  readonly terms: Readonly<Record<string, number>>;
  /** Each term times its weight; they add up to `loss`. */
  readonly weighted: Readonly<Record<string, number>>;
  readonly lr: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** The scales whose heads were trained. */
  readonly scales?: readonly number[];
  readonly samplesPerSecond: number;
  /** Where the time of the step went, milliseconds. */
  readonly ms: Readonly<Record<'data' | 'record' | 'gpu' | 'wall', number>>;
  /** Bytes of GPU memory. */
  readonly memory: { readonly inUse: number; readonly peak: number };
}

/** A step that was not taken, since loss or gradients were not finite. */
export interface SkippedLine {
  readonly type: 'skipped';
  readonly reason: string;
  /** The samples of its batch. */
  readonly ids: readonly (string | number)[];
}

export interface ValidationLine {
  readonly type: 'validation';
  /** By scale, `x2` and `x4`. */
  readonly psnr: Readonly<Record<string, ValidationPsnr>>;
  readonly l1_latent?: number | Readonly<Record<string, number>>;
  readonly images?: number;
  readonly ms?: number;
}

/** The first step of a stage is about to be taken. */
export interface StageLine {
  readonly type: 'stage';
  readonly index: number;
  readonly stages: number;
  readonly steps: number;
  /** Loss weights by term. */
  readonly losses: Readonly<Record<string, number>>;
  readonly batch?: number;
}

/** The beginning of a run. */
export interface StartLine {
  readonly type: 'start';
  readonly name: string;
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly adapter: AdapterRecord;
  readonly parameters: number;
  /** Steps of all stages together. */
  readonly steps: number;
}

export interface ResumeLine {
  readonly type: 'resume';
  readonly checkpoint: string | null;
  readonly version: string;
  readonly node: string;
  readonly adapter: AdapterRecord;
  /** Steps of all stages together, as the configuration is now. */
  readonly steps: number;
  /** Why what follows is not bit for bit what an uninterrupted run had given; empty when it is. */
  readonly differences: readonly string[];
}

/** Written by RunFolder. */
export interface CheckpointLine {
  readonly type: 'checkpoint';
  /** Name of the folder. */
  readonly checkpoint: string;
  readonly bytes: number;
  readonly ms: number;
  readonly best: boolean;
}

/** Written by RunFolder. */
export interface SampleLine {
  readonly type: 'sample';
  readonly name: string;
  /** From the run folder on. */
  readonly file: string;
}

/** Something that a person must know, as a full disk. */
export interface AlarmLine {
  readonly type: 'alarm';
  readonly code: string;
  readonly message: string;
}

export interface EndLine {
  readonly type: 'end';
  readonly reason: 'done' | 'interrupted' | 'diverged' | 'failed' | 'max-steps';
  readonly message?: string;
}

/** What a line of metrics.jsonl says beside when. */
export type MetricLine = { readonly step: number; readonly stage: string } & (
  | StepLine
  | SkippedLine
  | ValidationLine
  | StageLine
  | StartLine
  | ResumeLine
  | CheckpointLine
  | SampleLine
  | AlarmLine
  | EndLine
);
