import type { Device } from '@lua-webgpu/kernels';
import {
  type DropPath,
  type Lua,
  type RunBlock,
  runRecomputed,
  runStored,
  type Vae,
} from '@lua-webgpu/lua-model';
import { add, affine, backward, type Gradients, openScope, Tape, type Tensor } from '@lua-webgpu/tensor';
import type { StageConfig } from '../config/index.ts';
import type { Objective } from '../losses/index.ts';
import type { DeviceBatch } from './device-batch.ts';
import { TrainingError } from './errors.ts';
import type { StepPart } from './span.ts';

/** Blocks take two streams of random numbers each; the passes of a step draw from different ones. */
const streamsPerScale = 1024;

/** What a pass computes with. */
export interface PassParts {
  readonly device: Device;
  readonly model: Lua;
  readonly objective: Objective;
  /** Frozen; undefined for stages in the latent space alone. */
  readonly vae: Vae | undefined;
  readonly stage: Pick<StageConfig, 'recompute'>;
}

export interface PassPlan {
  readonly scales: readonly number[];
  /** Share of this micro-batch in the batch. */
  readonly share: number;
  readonly dropPath: Omit<DropPath, 'stream'>;
}

/**
 * Forward and backward of one micro-batch: one tape per scale, since each has an input of its own, so that only one
 * scale's maps are alive at a time. The gradients add up in `gradients`. Yields which part of a step comes next, for whoever
 * measures; nothing in it waits.
 *
 * @returns the objective's values times `share`, summed up over the scales, in the batch's scope
 */
export function* passes(
  { device, model, objective, vae, stage }: PassParts,
  { scope: results, hr, lr, pixels }: DeviceBatch,
  { scales, share, dropPath }: PassPlan,
  gradients: Gradients,
): Generator<StepPart, Tensor> {
  using scope = openScope(device);
  const latent = scope.borrow(hr);
  yield 'forward';
  const pixel = objective.needsPixels ? (pixels ?? decoder(vae).decode(latent)) : undefined;
  const run = stage.recompute ? runRecomputed : runStored;
  const values: Tensor[] = [];
  for (const scale of scales) {
    const input = lr.get(scale);
    if (!input) throw new RangeError(`the batch has no ×${scale} latents`);
    using inner = scope.child();
    using tape = new Tape();
    yield 'forward';
    const upscaled = model
      .forward(tape.constant(inner.borrow(input)), [scale], run, {
        ...dropPath,
        stream: streamsPerScale * scale,
      })
      .get(scale) as Tensor;
    const decoded = pixel && { pixel: decode(decoder(vae), upscaled, run) };
    const evaluated = objective.evaluate({ latent: upscaled, ...decoded }, { latent, pixel }, { scale });
    values.push(scope.borrow(evaluated.values));
    yield 'backward';
    backward(affine(evaluated.total, { scale: share, offset: 0 }), { into: gradients });
  }
  const sum = values.reduce((all, each) => add(all, each));
  return results.borrow(affine(sum, { scale: share, offset: 0 }));
}

/** A frozen TAESD keeps the signs behind its rectifiers, less than a recomputed block holds at once: docs/vae.md. */
const decode = (vae: Vae, latent: Tensor, run: RunBlock): Tensor =>
  vae.decode(latent, vae.kind === 'AutoencoderTiny' ? runStored : run);

function decoder(vae: Vae | undefined): Vae {
  if (vae) return vae;
  throw new TrainingError(
    'train-vae-missing',
    'the stage compares pixels, and there is no decoder',
    'Set vae.path in the configuration.',
  );
}
