import type { LuaConfig } from '@lua-webgpu/lua-model';

/**
 * A training run, resolved: every default filled in, every preset written out, all parts checked against each other.
 * Field names are those of the YAML file. Paths are as written; relative ones start at the working folder.
 */
export interface TrainConfig {
  readonly version: 1;
  readonly name: string;
  /** Of everything that is drawn: weights, order of samples, crops, heads, dropped paths. */
  readonly seed: number;
  readonly model: LuaConfig;
  /** Weights to start from; null trains from scratch. */
  readonly weights: WeightsConfig | null;
  /** The decoder of pixel losses and of validation. */
  readonly vae: VaeConfig | null;
  readonly data: DataConfig;
  readonly stages: readonly StageConfig[];
  /** null without validation data. */
  readonly validation: ValidationConfig | null;
  readonly checkpoint: CheckpointConfig;
  readonly stability: StabilityConfig;
  readonly log: LogConfig;
}

export interface WeightsConfig {
  /** `.safetensors` or `.pth`. */
  readonly file: string;
  /** Patterns (`*` stands for any characters) of parameters that are not taken from the file but initialised. */
  readonly replace: readonly string[];
}

export interface VaeConfig {
  readonly path: string;
  /** Name of its profile. */
  readonly profile: string;
}

export interface DataConfig {
  /** A folder that `lua-webgpu prepare` wrote. */
  readonly train: string;
  readonly validation: string | null;
  /** What pixel losses compare with: D(z_HR), or the crop of the photograph. */
  readonly pixel_target: 'decoded' | 'original';
}

/** The terms of a stage's loss; an absent one is not computed. SPEC §3. */
export interface LossConfig {
  readonly l1_latent?: LossTermConfig;
  readonly fft_latent?: LossTermConfig;
  readonly downsample?: DownsampleLossConfig;
  readonly high_frequency?: HighFrequencyLossConfig;
  readonly l1_pixel?: LossTermConfig;
  readonly fft_pixel?: LossTermConfig;
  readonly eagle?: EagleLossConfig;
}

export interface LossTermConfig {
  /** Above 0. */
  readonly weight: number;
}

export interface DownsampleLossConfig extends LossTermConfig {
  /** By how much both images shrink before they are compared; 'scale' is the head's own. */
  readonly factor: number | 'scale';
}

export interface HighFrequencyLossConfig extends LossTermConfig {
  /** Taps of the Gaussian along a side, odd. */
  readonly kernel_size: number;
  readonly sigma: number;
}

export interface EagleLossConfig extends LossTermConfig {
  /** Side of the patches whose variance is taken. */
  readonly patch_size: number;
  /** 'gaussian': 1 − exp(−(u² + v²) / 2f²), LUA's; 'original': 1 − exp(−(√(u² + v²) − f)² / 2), that of EAGLE's own code. */
  readonly high_pass: 'gaussian' | 'original';
  /** f, in cycles per sample. */
  readonly cutoff: number;
  /** Over the frequencies. */
  readonly reduction: 'mean' | 'sum';
}

/** One stage of the curriculum. It begins with fresh moments and its own learning rate; weights and EMA go on. */
export interface StageConfig {
  readonly name: string;
  readonly loss: LossConfig;
  /** Updates of the weights. */
  readonly steps: number;
  /** Samples per update, `micro_batch` of them at a time on the device. */
  readonly batch: number;
  readonly micro_batch: number;
  readonly lr: number;
  /** Adam's β. */
  readonly betas: readonly [number, number];
  readonly weight_decay: number;
  /** Steps at which the learning rate is multiplied by `gamma`, rising. */
  readonly milestones: readonly number[];
  readonly gamma: number;
  /** Steps over which the learning rate rises linearly; 0 for none. */
  readonly warm_up: number;
  /** Largest global norm of the gradients; null for no clipping. */
  readonly clip: number | null;
  /** Decay of the moving average of the weights; null for none. */
  readonly ema: number | null;
  readonly heads: HeadSamplingConfig;
  /** Side of the crop of the HR latent that is trained on, a multiple of the largest scale; null for all of it. */
  readonly crop: number | null;
  /** Patterns of the parameters that learn; the others are frozen. */
  readonly trainable: readonly string[];
  /** Rate of stochastic depth in the last block; it rises linearly from 0. */
  readonly drop_path: number;
  /** Whether the backward pass computes blocks again rather than keep all their maps: less memory, a third more time. */
  readonly recompute: boolean;
  /**
   * Ends the stage after the step that passes so much training time. Milestones stay at their steps, so that the learning
   * rate remains a function of the step.
   */
  readonly max_minutes: number | null;
}

export interface HeadSamplingConfig {
  readonly scales: readonly number[];
  /** Share of the stage's steps, 0 to 1, in which all heads are trained; in the rest one is drawn per step. */
  readonly joint_until: number;
}

export interface ValidationConfig {
  /** Steps between two validations; there is one at the end of each stage as well. */
  readonly every: number;
  /** How many samples of the validation set are measured, from the first. */
  readonly samples: number;
  /** How many of these are drawn as pictures. */
  readonly pictures: number;
  /** Side of the centre crop of the HR latent; null for all of it. */
  readonly crop: number | null;
}

export interface CheckpointConfig {
  /** Steps between two checkpoints; there is one at the end of each stage as well. */
  readonly every: number;
  readonly keep_last: number;
  /** Checkpoints at multiples of so many steps are kept for good; null for none. */
  readonly keep_every: number | null;
  /** The measure whose best checkpoint is kept; null for none. */
  readonly best: 'psnr' | null;
}

export interface StabilityConfig {
  /** So many steps in a row with a loss or gradient that is not finite end the run. */
  readonly max_skipped_in_a_row: number;
}

export interface LogConfig {
  /** Steps between two lines. */
  readonly every: number;
}
