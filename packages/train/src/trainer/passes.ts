import type { Device } from '@lua-webgpu/kernels';
import {
  type DropPath,
  type Lua,
  type RunBlock,
  runRecomputed,
  runStored,
  type Vae,
} from '@lua-webgpu/lua-model';
import {
  add,
  affine,
  backward,
  type Gradients,
  openScope,
  type Scope,
  Tape,
  type Tensor,
} from '@lua-webgpu/tensor';
import type { StageConfig } from '../config/index.ts';
import type { Batch } from '../data/index.ts';
import type { Objective } from '../losses/index.ts';
import { targetPixels } from './decoded-target.ts';
import { TrainingError } from './errors.ts';
import type { Span } from './span.ts';

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
 * scale's maps are alive at a time. The gradients add up in `gradients`.
 *
 * @returns the objective's values times `share`, summed up over the scales, in `results`
 */
export async function runPasses(
  { device, model, objective, vae, stage }: PassParts,
  batch: Batch,
  { scales, share, dropPath }: PassPlan,
  gradients: Gradients,
  results: Scope,
  span: Span,
): Promise<Tensor> {
  using scope = openScope(device);
  const latent = scope.tensor(batch.hr.data, batch.hr.shape);
  const pixel = objective.needsPixels
    ? await span('forward', () => targetPixels(scope, batch, latent, decoder(vae)))
    : undefined;
  const run = stage.recompute ? runRecomputed : runStored;
  const values: Tensor[] = [];
  for (const scale of scales) {
    const lr = batch.lr.get(scale);
    if (!lr) throw new RangeError(`the batch has no ×${scale} latents`);
    using inner = scope.child();
    using tape = new Tape();
    const evaluated = await span('forward', () => {
      const input = tape.constant(inner.tensor(lr.data, lr.shape));
      const upscaled = model
        .forward(input, [scale], run, { ...dropPath, stream: streamsPerScale * scale })
        .get(scale) as Tensor;
      const decoded = pixel && { pixel: decode(decoder(vae), upscaled, run) };
      return objective.evaluate({ latent: upscaled, ...decoded }, { latent, pixel }, { scale });
    });
    values.push(scope.borrow(evaluated.values));
    await span('backward', () => {
      backward(affine(evaluated.total, { scale: share, offset: 0 }), { into: gradients });
    });
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
