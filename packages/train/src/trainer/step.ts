import { add, Gradients, openScope, type Tensor } from '@lua-webgpu/tensor';
import type { Loader } from '../data/index.ts';
import type { ObjectiveReport } from '../losses/index.ts';
import { runPasses } from './passes.ts';
import { Phases, type PhaseTimes } from './phases.ts';
import type { StepPlan } from './plan.ts';
import { type Span, unmeasured } from './span.ts';
import type { StageState } from './stage-state.ts';

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
export async function trainStep(
  state: StageState,
  loader: Loader,
  plan: StepPlan,
  span: Span = unmeasured,
): Promise<StepResult> {
  const { device, stage, optimizer, ema, objective } = state;
  const phases = new Phases();
  using results = openScope(device);
  const ids: number[] = [];
  const values: Tensor[] = [];
  const gradients = new Gradients(device);
  try {
    for (let index = 0; index < loader.microBatches; index++) {
      const batch = await phases.time('data', () => span('data', () => loader.batch(plan.stageStep, index)));
      const share = batch.ids.length / stage.batch;
      const dropPath = { seed: state.seed, step: plan.step, firstSample: ids.length, rate: stage.drop_path };
      const parts = { scales: plan.scales, share, dropPath };
      values.push(
        await phases.time('record', () => runPasses(state, batch, parts, gradients, results, span)),
      );
      ids.push(...batch.ids);
    }
    const prepared = await phases.time('record', () =>
      span('optimizer', () =>
        optimizer.prepare(gradients, { lr: plan.lr, maxNorm: stage.clip ?? Number.POSITIVE_INFINITY }),
      ),
    );
    const sum = values.reduce((all, each) => add(all, each));
    const [report, gradientNorm] = await phases.time('gpu', () =>
      span('readback', () => Promise.all([objective.read(sum), optimizer.gradientNorm()])),
    );
    const skipped = whyNot(report.total, gradientNorm);
    if (skipped === undefined) {
      await phases.time('record', () =>
        span('optimizer', () => {
          prepared.apply();
          ema?.update();
        }),
      );
    }
    return { ...named(report), gradientNorm, skipped, ids, ms: phases.report() };
  } finally {
    gradients.dispose();
  }
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
