import type { StageConfig, TrainConfig } from '../config/index.ts';
import { stepsBefore } from './plan.ts';

/** What counts up over a run and is saved with it. */
export interface Counters {
  /** Steps that were left out, since loss or gradients were not finite. */
  skipped: number;
  /** Steps left out one after the other, up to now. */
  skippedInARow: number;
  /** Samples that went through the network. */
  samples: number;
  /** Seconds that the steps of this stage took. */
  stageSeconds: number;
  /** Seconds that the steps of all stages took. */
  seconds: number;
  /** 1 where the stage has ended, by its steps or by its time. */
  stageEnded: number;
}

export const freshCounters = (): Counters => ({
  skipped: 0,
  skippedInARow: 0,
  samples: 0,
  stageSeconds: 0,
  seconds: 0,
  stageEnded: 0,
});

/** Where a run stands: between two steps. */
export class Position {
  readonly #config: TrainConfig;
  readonly counters: Counters;
  stageIndex: number;
  stageStep: number;

  constructor(config: TrainConfig, stageIndex = 0, stageStep = 0, counters: Counters = freshCounters()) {
    this.#config = config;
    this.stageIndex = stageIndex;
    this.stageStep = stageStep;
    this.counters = counters;
  }

  get stage(): StageConfig {
    return this.#config.stages[this.stageIndex] as StageConfig;
  }

  /** Steps since the beginning of the run. Stages that ended by time count with the steps that they were to have. */
  get step(): number {
    return stepsBefore(this.#config, this.stageIndex) + this.stageStep;
  }

  get stageEnded(): boolean {
    return this.counters.stageEnded === 1;
  }

  get runEnded(): boolean {
    return this.stageEnded && this.stageIndex === this.#config.stages.length - 1;
  }

  /** One more step was made, in so many seconds. */
  advance(seconds: number): void {
    const { max_minutes, steps, batch } = this.stage;
    this.stageStep += 1;
    this.counters.samples += batch;
    this.counters.stageSeconds += seconds;
    this.counters.seconds += seconds;
    const outOfTime = max_minutes !== null && this.counters.stageSeconds >= 60 * max_minutes;
    if (outOfTime || this.stageStep >= steps) this.counters.stageEnded = 1;
  }

  nextStage(): void {
    this.stageIndex += 1;
    this.stageStep = 0;
    this.counters.stageSeconds = 0;
    this.counters.stageEnded = 0;
  }

  copy(): Position {
    return new Position(this.#config, this.stageIndex, this.stageStep, { ...this.counters });
  }
}
