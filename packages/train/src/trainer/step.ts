import { type Gathered, openScope, type PreparedStep, type Tensor } from '@lua-webgpu/tensor';
import type { Batch, Loader } from '../data/index.ts';
import type { ObjectiveReport } from '../losses/index.ts';
import { DeviceBatch } from './device-batch.ts';
import { Phases, type PhaseTimes } from './phases.ts';
import type { StepPlan } from './plan.ts';
import type { Span, StepPart } from './span.ts';
import type { StageState } from './stage-state.ts';
import { gatherPasses } from './step-passes.ts';

/** What one step found and did. */
export interface StepResult {
  /** The weighted sum over terms and scales. */
  readonly loss: number;
  /** Unweighted, over the step's scales summed up. */
  readonly terms: Readonly<Record<string, number>>;
  readonly weighted: Readonly<Record<string, number>>;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** Why the weights were left as they are; undefined where they were updated. */
  readonly skipped: string | undefined;
  /** Numbers of the samples in the dataset. */
  readonly ids: readonly number[];
  readonly ms: PhaseTimes;
}

/**
 * One update of the weights. The loss and the norm of the gradients come back before the update is recorded: where one of
 * them is not finite, weights, moments and average stay as they are.
 */
export async function trainStep(state: StageState, loader: Loader, plan: StepPlan): Promise<StepResult> {
  const phases = new Phases();
  const batches: Batch[] = [];
  for (let index = 0; index < loader.microBatches; index++) {
    batches.push(await phases.time('data', () => loader.batch(plan.stageStep, index)));
  }
  const prepared = await phases.time('record', () => {
    const { values, gathered } = state.passes.run(batches, plan);
    return { values, update: prepare(state, gathered, plan) };
  });
  const found = await phases.time('gpu', () => readBack(state, prepared.values));
  if (found.skipped === undefined) await phases.time('record', () => apply(state, prepared.update));
  return { ...found, ids: batches.flatMap(({ ids }) => ids), ms: phases.report() };
}

/** `trainStep` in parts that somebody measures: recorded by the ops, where that one replays. */
export async function measuredStep(
  state: StageState,
  loader: Loader,
  plan: StepPlan,
  span: Span,
): Promise<void> {
  using scope = openScope(state.device);
  const batches: DeviceBatch[] = [];
  for (let index = 0; index < loader.microBatches; index++) {
    const batch = await span('data', () => loader.batch(plan.stageStep, index));
    batches.push(new DeviceBatch(scope, batch, plan.scales));
  }
  const { values, gathered } = await inSpans(gatherPasses(state, batches, plan), span);
  const update = await span('optimizer', () => prepare(state, gathered, plan));
  const { skipped } = await span('readback', () => readBack(state, values));
  if (skipped === undefined) await span('optimizer', () => apply(state, update));
}

/** Each part in a span of its own; what comes before the first yield computes nothing. */
async function inSpans<T>(work: Generator<StepPart, T>, span: Span): Promise<T> {
  let next = work.next();
  while (!next.done) next = await span(next.value, () => work.next());
  return next.value;
}

function prepare({ optimizer, stage }: StageState, gathered: Gathered, { lr }: StepPlan): PreparedStep {
  return optimizer.prepareGathered(gathered, { lr, maxNorm: stage.clip ?? Number.POSITIVE_INFINITY });
}

function apply({ ema }: StageState, update: PreparedStep): void {
  update.apply();
  ema?.update();
}

async function readBack({ objective, optimizer }: StageState, values: Tensor) {
  const [report, gradientNorm] = await Promise.all([objective.read(values), optimizer.gradientNorm()]);
  return { ...named(report), gradientNorm, skipped: whyNot(report.total, gradientNorm) };
}

function named({ total, terms }: ObjectiveReport): Pick<StepResult, 'loss' | 'terms' | 'weighted'> {
  const pick = (what: 'value' | 'weighted') =>
    Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term[what]]));
  return { loss: total, terms: pick('value'), weighted: pick('weighted') };
}

/** JavaScript sees the bits that the device wrote: a test for finite numbers is safe here as it is not in a shader. */
function whyNot(loss: number, gradientNorm: number): string | undefined {
  if (!Number.isFinite(loss)) return `the loss is ${loss}`;
  if (!Number.isFinite(gradientNorm)) return `the norm of the gradients is ${gradientNorm}`;
  return undefined;
}
