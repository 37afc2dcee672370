import { add, type Gathered, Gradients, type Optimizer, type Tensor } from '@lua-webgpu/tensor';
import type { DeviceBatch } from './device-batch.ts';
import { type PassParts, passes } from './passes.ts';
import type { StepPlan } from './plan.ts';
import type { StepPart } from './span.ts';

/** What the passes of a step compute with. */
export interface StepParts extends PassParts {
  readonly optimizer: Optimizer;
  readonly seed: number;
  readonly stage: PassParts['stage'] & { readonly batch: number; readonly drop_path: number };
}

/** What the passes of a step left. */
export interface GatheredPasses {
  /** The objective's values over the whole batch, in the batches' scope. */
  readonly values: Tensor;
  readonly gathered: Gathered;
}

/** Forward and backward of every micro-batch, and the gradients into the optimiser's arena. Yields as `passes` does. */
export function* gatherPasses(
  parts: StepParts,
  batches: readonly DeviceBatch[],
  { scales, step }: StepPlan,
): Generator<StepPart, GatheredPasses> {
  const { device, stage, seed, optimizer } = parts;
  using gradients = new Gradients(device);
  const values: Tensor[] = [];
  let firstSample = 0;
  for (const batch of batches) {
    const samples = batch.hr.shape[0] as number;
    const dropPath = { seed, step, firstSample, rate: stage.drop_path };
    values.push(yield* passes(parts, batch, { scales, share: samples / stage.batch, dropPath }, gradients));
    firstSample += samples;
  }
  yield 'optimizer';
  return { values: values.reduce((all, each) => add(all, each)), gathered: optimizer.gather(gradients) };
}
