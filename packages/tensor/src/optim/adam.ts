import { adam } from '@lua-webgpu/kernels';
import type { ParameterArena } from './arena.ts';
import { Optimizer, requireRange, type Update } from './optimizer.ts';
import type { Schedule } from './schedule.ts';

export interface AdamOptions {
  readonly lr: number | Schedule;
  /** Decay of the two moments; 0.9 and 0.999 by default. */
  readonly betas?: readonly [first: number, second: number];
  /** Added to the root of the second moment; 1e-8 by default. Positive. */
  readonly eps?: number;
  readonly weightDecay?: number;
}

/**
 * Adam (Kingma & Ba 2015, arXiv 1412.6980) as PyTorch computes it: bias corrections by the step, eps outside the root,
 * weight decay (0 by default) added to the gradient.
 */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  readonly #weightDecay: number;
  readonly #decoupled: boolean;

  /** @throws ShapeError `attribute-invalid`, AllocationError */
  constructor(arena: ParameterArena, options: AdamOptions, decoupled = false) {
    const { lr, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
    for (const beta of betas) requireRange('Adam', 'one of betas', beta, 0, 1 - Number.EPSILON);
    // Padding has gradient 0, and 0/0 would spread from there; smaller ones are 0 in float32.
    requireRange('Adam', 'eps', eps, 2 ** -126, Number.MAX_VALUE);
    requireRange('Adam', 'weightDecay', weightDecay, 0, Number.MAX_VALUE);
    super(arena, lr, ['exp_avg', 'exp_avg_sq']);
    this.#betas = betas;
    this.#eps = eps;
    this.#weightDecay = weightDecay;
    this.#decoupled = decoupled;
  }

  protected override update({ run, gradient, clip, lr, age }: Update): void {
    const [beta1, beta2] = this.#betas;
    const segments = {
      parameter: this.arena.values.segment(run),
      gradient: gradient.segment(run),
      firstMoment: this.moments('exp_avg').segment(run),
      secondMoment: this.moments('exp_avg_sq').segment(run),
      clip,
    };
    const [eps, weightDecay, decoupled] = [this.#eps, this.#weightDecay, this.#decoupled];
    const options = { lr, beta1, beta2, eps, weightDecay, decoupled, step: age };
    adam(this.arena.device, segments, run.bytes, options);
  }
}

/** Adam with decoupled weight decay, 0.01 by default (Loshchilov & Hutter 2019, arXiv 1711.05101). */
export class AdamW extends Adam {
  /** @throws ShapeError `attribute-invalid`, AllocationError */
  constructor(arena: ParameterArena, options: AdamOptions) {
    super(arena, { weightDecay: 0.01, ...options }, true);
  }
}
