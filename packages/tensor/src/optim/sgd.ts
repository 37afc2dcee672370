import { sgd } from '@lua-webgpu/kernels';
import type { ParameterArena } from './arena.ts';
import { Optimizer, requireRange, type Update } from './optimizer.ts';
import type { Schedule } from './schedule.ts';

export interface SgdOptions {
  readonly lr: number | Schedule;
  /** 0 by default; dampening is 0. */
  readonly momentum?: number;
  /** Looks ahead along the momentum, which then has to be there. */
  readonly nesterov?: boolean;
  /** Added to the gradient, 0 by default. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent as PyTorch computes it. */
export class Sgd extends Optimizer {
  readonly #options: { readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number };

  /** @throws ShapeError `attribute-invalid`, AllocationError */
  constructor(arena: ParameterArena, options: SgdOptions) {
    const { lr, momentum = 0, nesterov = false, weightDecay = 0 } = options;
    requireRange('Sgd', 'momentum', momentum, nesterov ? Number.MIN_VALUE : 0, Number.MAX_VALUE);
    requireRange('Sgd', 'weightDecay', weightDecay, 0, Number.MAX_VALUE);
    super(arena, lr, momentum === 0 ? [] : ['momentum_buffer']);
    this.#options = { momentum, nesterov, weightDecay };
  }

  protected override update({ run, gradient, clip, lr }: Update): void {
    const { momentum } = this.#options;
    const segments = {
      parameter: this.arena.values.segment(run),
      gradient: gradient.segment(run),
      velocity: momentum === 0 ? undefined : this.moments('momentum_buffer').segment(run),
      clip,
    };
    sgd(this.arena.device, segments, run.bytes, { lr, ...this.#options });
  }
}
