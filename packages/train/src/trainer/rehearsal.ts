import { type Device, type GpuPass, type KernelTime, timeByKernel } from '@lua-webgpu/kernels';
import { jointSteps, type StageConfig, type TrainConfig } from '../config/index.ts';
import { openDataset } from '../data/index.ts';
import { checkData } from './data-check.ts';
import { initialWeights } from './initial.ts';
import { planStep } from './plan.ts';
import { type Span, type StepPart, stepParts } from './span.ts';
import type { StageState } from './stage-state.ts';
import { measuredStep, trainStep } from './step.ts';
import { Workbench } from './workbench.ts';

export interface RehearsalOptions {
  readonly open: () => Promise<Device>;
  /** Steps that are timed of each phase, after two that compile kernels and fill the pool. */
  readonly steps: number;
  /** Measure where the time of a step goes, too. */
  readonly profile: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What some steps of one stage took, on the data and the device that training will have. */
export interface StageRehearsal {
  readonly stage: string;
  readonly trainableParameters: number;
  /** Device memory at the worst moment, bytes. */
  readonly peakBytes: number;
  /** What a step takes while all heads are trained, and while one is drawn per step. */
  readonly phases: readonly PhaseRehearsal[];
  /** Steps times medians; or the stage's own limit where that is shorter. */
  readonly seconds: number;
  /** Of steps of the first phase. */
  readonly profile: StepProfile | undefined;
}

/** Steps of a stage that train the same number of heads. */
export interface PhaseRehearsal {
  /** Heads that a step trains. */
  readonly heads: number;
  readonly steps: number;
  /** Median of one step, milliseconds. */
  readonly msPerStep: number;
}

export interface StepProfile {
  /** Wall time of each part with a wait for the GPU behind it, and what the GPU took of that. Medians, milliseconds. */
  readonly parts: Readonly<Record<StepPart, { readonly wallMs: number; readonly gpuMs: number }>>;
  /** Sum of the GPU's time over the parts, medians. */
  readonly gpuMs: number;
  /** (wall − GPU) / wall, with the wall time of a step that nobody measured inside. */
  readonly idleShare: number;
  /** By kernel, the slowest first. Medians over the steps. */
  readonly kernels: readonly KernelTime[];
  /** The parts of the last of the steps, in their order. */
  readonly timeline: readonly PartTimes[];
}

/** When a part of a step ran. */
export interface PartTimes {
  readonly part: StepPart;
  /** On the clock of `performance.now()`, milliseconds. */
  readonly begin: number;
  readonly end: number;
  readonly passes: readonly GpuPass[];
}

/**
 * Runs the first steps of every stage from the initial weights, and forgets them: what training will take.
 * @throws as `train` does before its first step
 */
export async function rehearse(config: TrainConfig, options: RehearsalOptions): Promise<StageRehearsal[]> {
  await using train = await openDataset(config.data.train);
  checkData(config, train, undefined);
  using bench = await Workbench.open(options.open, config, { train, validation: undefined });
  const snapshot = await initialWeights(bench.device, config);
  const stages: StageRehearsal[] = [];
  for (const index of config.stages.keys()) {
    using state = bench.stage(index, snapshot);
    stages.push(await rehearseStage(config, index, bench, state, options));
  }
  return stages;
}

async function rehearseStage(
  config: TrainConfig,
  index: number,
  bench: Workbench,
  state: StageState,
  { steps, profile, signal }: RehearsalOptions,
): Promise<StageRehearsal> {
  const { stage, device } = state;
  const loader = bench.loader(index);
  const plansOf = (phase: Phase) => {
    let next = 0;
    return () => {
      signal?.throwIfAborted();
      return planStep(config, index, phase.first + (next++ % phase.steps));
    };
  };
  let peakBytes = 0;
  let profiled: StepProfile | undefined;
  const phases: PhaseRehearsal[] = [];
  for (const phase of phasesOf(stage)) {
    const plan = plansOf(phase);
    const step = () => trainStep(state, loader, plan());
    await step();
    await step();
    device.resetPeakMemory();
    const walls: number[] = [];
    for (let i = 0; i < steps; i++) walls.push((await step()).ms.wall);
    peakBytes = Math.max(peakBytes, device.memory().peak);
    const msPerStep = median(walls);
    phases.push({ heads: phase.heads, steps: phase.steps, msPerStep });
    if (profile && phase.first === 0) {
      const measured = (span: Span) => measuredStep(state, loader, plan(), span);
      profiled = await profileSteps(device, steps, msPerStep, measured);
    }
  }
  const seconds = phases.reduce((sum, phase) => sum + (phase.steps * phase.msPerStep) / 1000, 0);
  return {
    stage: stage.name,
    trainableParameters: state.trainableParameters,
    peakBytes,
    phases,
    seconds: Math.min(seconds, 60 * (stage.max_minutes ?? Number.POSITIVE_INFINITY)),
    profile: profiled,
  };
}

interface Phase {
  /** Number of its first step in the stage. */
  readonly first: number;
  readonly steps: number;
  readonly heads: number;
}

function phasesOf(stage: StageConfig): Phase[] {
  const { scales } = stage.heads;
  const joint = scales.length > 1 ? jointSteps(stage) : stage.steps;
  const phases = [
    { first: 0, steps: joint, heads: scales.length },
    { first: joint, steps: stage.steps - joint, heads: 1 },
  ];
  return phases.filter(({ steps }) => steps > 0);
}

async function profileSteps(
  device: Device,
  steps: number,
  msPerStep: number,
  step: (span: Span) => Promise<unknown>,
): Promise<StepProfile> {
  const runs: StepRecord[] = [];
  for (let i = 0; i < steps; i++) {
    const record = new StepRecord(device);
    await step(record.span);
    runs.push(record);
  }
  const parts = Object.fromEntries(
    stepParts.map((part) => [
      part,
      {
        wallMs: median(runs.map((run) => run.wallMs(part))),
        gpuMs: median(runs.map((run) => run.gpuMs(part))),
      },
    ]),
  ) as StepProfile['parts'];
  const gpuMs = Object.values(parts).reduce((sum, part) => sum + part.gpuMs, 0);
  const times = runs.map((run) => new Map(run.kernels().map((time) => [time.kernel, time])));
  const names = new Set(times.flatMap((run) => [...run.keys()]));
  const kernels = [...names].map((name): KernelTime => {
    const found = times.map((run) => run.get(name)).filter((time) => time !== undefined);
    return { ...(found[0] as KernelTime), ms: median(found.map(({ ms }) => ms)) };
  });
  kernels.sort((a, b) => b.ms - a.ms);
  const timeline = runs.at(-1)?.timeline ?? [];
  return { parts, gpuMs, idleShare: (msPerStep - gpuMs) / msPerStep, kernels, timeline };
}

/** What the parts of one step took. */
class StepRecord {
  readonly timeline: PartTimes[] = [];
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  wallMs(part: StepPart): number {
    return this.#of(part).reduce((sum, { begin, end }) => sum + end - begin, 0);
  }

  gpuMs(part: StepPart): number {
    const passes = this.#of(part).flatMap((each) => each.passes);
    return passes.reduce((sum, { begin, end }) => sum + end - begin, 0);
  }

  kernels(): KernelTime[] {
    return timeByKernel(this.timeline.flatMap(({ passes }) => passes));
  }

  readonly span: Span = async (part, work) => {
    const begin = performance.now();
    let result: Awaited<ReturnType<typeof work>> | undefined;
    let end = begin;
    const passes = await this.#device.trace(async () => {
      result = (await work()) as Awaited<ReturnType<typeof work>>;
      await this.#device.synchronize();
      end = performance.now();
    });
    this.timeline.push({ part, begin, end, passes });
    return result as Awaited<ReturnType<typeof work>>;
  };

  #of(part: StepPart): PartTimes[] {
    return this.timeline.filter((each) => each.part === part);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
