import type { Capture } from '@lua-webgpu/kernels';
import { openScope, type Scope } from '@lua-webgpu/tensor';
import type { Batch } from '../data/index.ts';
import { DeviceBatch } from './device-batch.ts';
import type { StepPlan } from './plan.ts';
import { type GatheredPasses, gatherPasses, type StepParts } from './step-passes.ts';

/**
 * Forward and backward passes of steps, each sort of step recorded once and replayed from then on: what a step computes
 * depends on its number only by the batch and by which blocks are dropped. The sorts (by the scales that are trained, and by
 * shapes) share their memory.
 */
export class CapturedPasses {
  readonly #parts: StepParts;
  readonly #bySort = new Map<string, CapturedStep>();

  constructor(parts: StepParts) {
    this.#parts = parts;
  }

  /**
   * Records the passes of one step. What it returns holds until the next call.
   * @throws as the passes do
   */
  run(batches: readonly Batch[], plan: StepPlan): GatheredPasses {
    const sort = JSON.stringify([plan.scales, batches.map(shapes)]);
    const known = this.#bySort.get(sort);
    if (known) return known.replay(batches, plan);
    const others = [...this.#bySort.values()].map(({ capture }) => capture);
    const step = new CapturedStep(this.#parts, batches, plan, others);
    this.#bySort.set(sort, step);
    return step.passes;
  }

  /** Gives all memory back; the next steps are recorded anew. */
  release(): void {
    for (const step of this.#bySort.values()) step.release();
    this.#bySort.clear();
  }
}

class CapturedStep {
  readonly capture: Capture;
  readonly passes: GatheredPasses;
  readonly #scope: Scope;
  readonly #inputs: readonly DeviceBatch[];

  /** Runs the passes of these batches while it records them. */
  constructor(parts: StepParts, batches: readonly Batch[], plan: StepPlan, shares: readonly Capture[]) {
    const { device } = parts;
    this.#scope = openScope(device);
    try {
      this.#inputs = batches.map((batch) => new DeviceBatch(this.#scope, batch, plan.scales));
      const work = () => finish(gatherPasses(parts, this.#inputs, plan));
      const { result, capture } = device.capture(work, { shares });
      this.passes = result;
      this.capture = capture;
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  replay(batches: readonly Batch[], { step }: StepPlan): GatheredPasses {
    for (const [index, input] of this.#inputs.entries()) input.write(batches[index] as Batch);
    this.capture.replay({ step });
    return this.passes;
  }

  release(): void {
    this.capture.release();
    this.#scope.dispose();
  }
}

const shapes = ({ hr, lr, pixels }: Batch) =>
  [hr, ...lr.values(), ...(pixels ? [pixels] : [])].map(({ shape }) => shape);

function finish(passes: Generator<unknown, GatheredPasses>): GatheredPasses {
  for (;;) {
    const { done, value } = passes.next();
    if (done) return value;
  }
}
