import { type Device, DeviceLostError } from '@lua-webgpu/kernels';
import type { TrainConfig } from '../config/index.ts';
import type { MetricLine, Progress } from '../run/index.ts';
import { TrainingError } from './errors.ts';
import { initialWeights } from './initial.ts';
import { planStep, type StepPlan } from './plan.ts';
import { Position } from './position.ts';
import type { Snapshot, StageState } from './stage-state.ts';
import { type StepResult, trainStep } from './step.ts';
import type { ValidationResult } from './validation.ts';
import { type Datasets, Workbench } from './workbench.ts';

/** A moment of a run, on the host: what a checkpoint is written from, and what a lost device is survived with. */
export interface Moment {
  readonly position: Position;
  readonly snapshot: Snapshot;
  /** Of the last validation, by name. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Whoever keeps what a run says. */
export interface Recorder {
  append(line: MetricLine): Promise<void>;
  savePictures(position: Position, pictures: ValidationResult['pictures']): Promise<void>;
  /** @returns the checkpoint's name, undefined where it could not be written */
  saveCheckpoint(moment: Moment, device: Device, best: number | undefined): Promise<void>;
  /** What was said about later steps does not hold: they will be made again. Undefined for the beginning of the run. */
  rewind(position: Position | undefined): Promise<void>;
  progress(progress: Progress): void;
  notice(line: string): void;
}

export interface TrainingOptions {
  readonly open: () => Promise<Device>;
  /** Ends the run before this step of it. */
  readonly maxSteps?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type EndReason = 'done' | 'interrupted' | 'max-steps';

/** Devices lost without a checkpoint between them: then something is wrong that opening another does not mend. */
const lostInARow = 3;

/** Goes through a curriculum from a moment on, to its end or until it is told to stop. */
export class Training {
  readonly #config: TrainConfig;
  readonly #data: Datasets;
  readonly #recorder: Recorder;
  readonly #options: TrainingOptions;
  /** Undefined until the initial weights are made. */
  #last: Moment | undefined;
  #lost = 0;

  constructor(
    config: TrainConfig,
    data: Datasets,
    recorder: Recorder,
    options: TrainingOptions,
    from: Moment | undefined,
  ) {
    this.#config = config;
    this.#data = data;
    this.#recorder = recorder;
    this.#options = options;
    this.#last = from;
  }

  /**
   * @throws TrainingError `train-diverged`, AllocationError, what reading the data throws
   */
  async run(): Promise<EndReason> {
    for (;;) {
      try {
        using bench = await Workbench.open(this.#options.open, this.#config, this.#data);
        return await this.#curriculum(bench);
      } catch (error) {
        if (!(error instanceof DeviceLostError) || ++this.#lost > lostInARow) throw error;
        const { position } = this.#last ?? {};
        await this.#recorder.rewind(position);
        this.#recorder.notice(
          `the GPU device was lost (${error.message}); going on from step ${position?.step ?? 0}`,
        );
      }
    }
  }

  async #curriculum(bench: Workbench): Promise<EndReason> {
    this.#last ??= {
      position: new Position(this.#config),
      snapshot: await initialWeights(bench.device, this.#config),
      metrics: {},
    };
    for (;;) {
      const { position, snapshot } = this.#last;
      if (position.runEnded) return 'done';
      const next = position.copy();
      if (next.stageEnded) next.nextStage();
      using state = bench.stage(next.stageIndex, position.stageEnded ? withoutMoments(snapshot) : snapshot);
      const reason = await this.#stage(bench, state, next);
      if (reason) return reason;
    }
  }

  /** @returns why the run ends here; undefined where the stage came to its end */
  async #stage(bench: Workbench, state: StageState, position: Position): Promise<EndReason | undefined> {
    const { stages, log } = this.#config;
    const { stage } = position;
    const loader = bench.loader(position.stageIndex);
    if (position.stageStep === 0) {
      await this.#append(position, {
        type: 'stage',
        index: position.stageIndex,
        stages: stages.length,
        steps: stage.steps,
        losses: Object.fromEntries(state.objective.terms.map(({ name, weight }) => [name, weight])),
        batch: stage.batch,
      });
    }
    while (!position.stageEnded) {
      const stop = this.#stopBefore(position);
      if (stop) {
        await this.#checkpoint(bench, state, position);
        return stop;
      }
      const plan = planStep(this.#config, position.stageIndex, position.stageStep);
      const result = await trainStep(state, loader, plan);
      position.advance(result.ms.wall / 1000);
      if (result.skipped !== undefined) await this.#skipped(position, result, result.skipped);
      else {
        position.counters.skippedInARow = 0;
        if (position.stageStep % log.every === 0 || position.stageEnded) {
          await this.#logged(bench, position, plan, result);
        }
      }
      await this.#milestones(bench, state, position);
    }
    return undefined;
  }

  #stopBefore(position: Position): EndReason | undefined {
    const { signal, maxSteps = Number.POSITIVE_INFINITY } = this.#options;
    if (signal?.aborted) return 'interrupted';
    return position.step >= maxSteps ? 'max-steps' : undefined;
  }

  /** Validation and checkpoint, where they are due. */
  async #milestones(bench: Workbench, state: StageState, position: Position): Promise<void> {
    const { validation, checkpoint } = this.#config;
    const due = (every: number | undefined) =>
      every !== undefined && (position.stageEnded || position.stageStep % every === 0);
    const validated = due(validation?.every) ? await this.#validate(bench, state, position) : undefined;
    if (due(checkpoint.every)) await this.#checkpoint(bench, state, position, validated);
  }

  async #skipped(position: Position, result: StepResult, reason: string): Promise<void> {
    const { counters } = position;
    counters.skipped += 1;
    counters.skippedInARow += 1;
    await this.#append(position, { type: 'skipped', reason, ids: result.ids });
    this.#recorder.notice(`step ${position.step} was left out: ${reason}`);
    if (counters.skippedInARow < this.#config.stability.max_skipped_in_a_row) return;
    throw new TrainingError(
      'train-diverged',
      `${counters.skippedInARow} steps in a row had a loss or gradients that are not finite (${reason})`,
      `The weights are those of the last good step; step ${this.#last?.position.step ?? 0} is the last checkpoint. Lower the learning rate, or look at the samples that metrics.jsonl names. Pixel losses need a Stage I before them.`,
    );
  }

  async #validate(
    bench: Workbench,
    state: StageState,
    position: Position,
  ): Promise<ValidationResult | undefined> {
    const { validation } = bench;
    if (!validation) return undefined;
    const { pictures, ...measured } = await state.averaged(() => validation.run(state.model));
    await this.#append(position, { type: 'validation', ...measured });
    await this.#recorder.savePictures(position, pictures);
    return { pictures, ...measured };
  }

  async #checkpoint(
    bench: Workbench,
    state: StageState,
    position: Position,
    validated?: ValidationResult,
  ): Promise<void> {
    const metrics = validated ? metricsOf(validated) : (this.#last?.metrics ?? {});
    const moment = { position: position.copy(), snapshot: await state.snapshot(), metrics };
    this.#last = moment;
    this.#lost = 0;
    const best = this.#config.checkpoint.best === 'psnr' && validated ? meanPsnr(validated) : undefined;
    await this.#recorder.saveCheckpoint(moment, bench.device, best);
  }

  async #logged(bench: Workbench, position: Position, plan: StepPlan, result: StepResult): Promise<void> {
    const { loss, terms, weighted, gradientNorm, ms } = result;
    const { inUse, peak } = bench.device.memory();
    const { stage, stageStep } = position;
    const samplesPerSecond = (1000 * stage.batch) / ms.wall;
    await this.#append(position, {
      type: 'step',
      stageStep,
      loss,
      terms,
      weighted,
      lr: plan.lr,
      gradientNorm,
      scales: plan.scales,
      samplesPerSecond,
      ms,
      memory: { inUse, peak },
    });
    this.#recorder.progress({
      stage: stage.name,
      step: stageStep,
      steps: stage.steps,
      terms,
      lr: plan.lr,
      samplesPerSecond,
      secondsLeft: this.#secondsLeft(position),
      memoryBytes: peak,
    });
  }

  /** To the end of the run, at the pace of this stage; a later stage is taken for as slow per sample. */
  #secondsLeft(position: Position): number {
    const { stages } = this.#config;
    const perSample = position.counters.stageSeconds / (position.stageStep * position.stage.batch);
    return stages.slice(position.stageIndex).reduce((sum, { steps, batch, max_minutes }, index) => {
      const here = index === 0;
      const bySteps = (steps - (here ? position.stageStep : 0)) * batch * perSample;
      const byTime =
        60 * (max_minutes ?? Number.POSITIVE_INFINITY) - (here ? position.counters.stageSeconds : 0);
      return sum + Math.min(bySteps, Math.max(0, byTime));
    }, 0);
  }

  async #append(position: Position, line: Unplaced): Promise<void> {
    await this.#recorder.append({ step: position.step, stage: position.stage.name, ...line });
  }
}

/** A line of the metrics without where it happened. */
type Unplaced = MetricLine extends infer Line
  ? Line extends MetricLine
    ? Omit<Line, 'step' | 'stage'>
    : never
  : never;

/** A stage begins with fresh moments. */
const withoutMoments = ({ optimizer: _, ...rest }: Snapshot): Snapshot => rest;

/** `psnr.x2.lua` and its like. */
function metricsOf({ psnr, l1_latent }: ValidationResult): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const [scale, byName] of Object.entries(psnr)) {
    for (const [name, value] of Object.entries(byName)) {
      // Equal pictures have no PSNR, and a state holds numbers.
      if (Number.isFinite(value)) metrics[`psnr.${scale}.${name}`] = value;
    }
  }
  for (const [scale, value] of Object.entries(l1_latent)) metrics[`l1_latent.${scale}`] = value;
  return metrics;
}

/** Of the network, over the scales; undefined where a picture was met to the bit. */
function meanPsnr({ psnr }: ValidationResult): number | undefined {
  const values = Object.values(psnr).map(({ lua }) => lua);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Number.isFinite(mean) ? mean : undefined;
}
