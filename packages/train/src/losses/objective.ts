import { add, affine, concat, joinScopes, type Tensor } from '@lua-webgpu/tensor';
import { LossError } from './errors.ts';
import { type ObjectiveConfig, parseObjective, type WeightedTerm } from './parse.ts';
import { type LossContext, type LossName, lossTerms } from './terms.ts';

/** What is compared: latents [B, C, h, w], and the images [B, 3, H, W] in [0, 1] that they decode to. */
export interface LossInputs {
  readonly latent?: Tensor | undefined;
  readonly pixel?: Tensor | undefined;
}

/** An objective's value, on the device. Both tensors belong to the innermost scope of the predictions. */
export interface ObjectiveValue {
  /** Σ weight · term, a scalar on the predictions' tape. */
  readonly total: Tensor;
  /** [terms + 1], on no tape: each term without its weight, in the objective's order, then the total. */
  readonly values: Tensor;
}

/** An objective's value, read back. */
export interface ObjectiveReport {
  readonly total: number;
  readonly terms: { readonly [N in LossName]?: { readonly value: number; readonly weighted: number } };
}

/**
 * A weighted sum of losses.
 *
 * ```ts
 * const objective = new Objective({ l1_latent: 1, fft_latent: 0.1, downsample: { weight: 0.1, factor: 2 } });
 * const { total, values } = objective.evaluate({ latent, pixel: vae.decode(latent) }, { latent: target, pixel: image });
 * using gradients = backward(total);
 * console.log(await objective.read(values));
 * ```
 */
export class Objective {
  readonly terms: readonly WeightedTerm[];

  /** @throws LossError `loss-unknown`, `loss-option`, `loss-weight`, `loss-empty` */
  constructor(config: ObjectiveConfig) {
    this.terms = parseObjective(config);
  }

  /** Whether a term compares latents. */
  get needsLatents(): boolean {
    return this.#needs('latent');
  }

  /** Whether a term compares decoded images, so that the gradient flows through the decoder. */
  get needsPixels(): boolean {
    return this.#needs('pixel');
  }

  /**
   * The terms and their weighted sum. Targets are constants, from any scope of the device. Nothing waits for the GPU.
   * @throws LossError `loss-missing` where a term lacks what it compares, ShapeError as the losses do
   */
  evaluate(prediction: LossInputs, target: LossInputs, context: LossContext = {}): ObjectiveValue {
    const pairs = this.terms.map((term) => ({ term, ...this.#pair(term, prediction, target) }));
    const outer = joinScopes(
      'Objective',
      pairs.map(({ predicted }) => predicted),
    );
    using scope = outer.child();
    const losses = pairs.map(({ term, predicted, wanted }) =>
      term.loss(scope.borrow(predicted), wanted, context),
    );
    const total = losses
      .map((loss, i) => affine(loss, { scale: this.terms[i]?.weight ?? 0, offset: 0 }))
      .reduce((sum, each) => add(sum, each));
    const values = concat(
      [...losses, total].map((each) => each.detach().reshape([1])),
      0,
    );
    return { total: scope.keep(total), values: scope.keep(values) };
  }

  /** Reads the values of `evaluate` (or sums or means of several) back, in one read. */
  async read(values: Tensor): Promise<ObjectiveReport> {
    const numbers = await values.readFloats();
    const terms = this.terms.map(({ name, weight }, i) => {
      const value = numbers[i] as number;
      return [name, { value, weighted: weight * value }] as const;
    });
    return { total: numbers[terms.length] as number, terms: Object.fromEntries(terms) };
  }

  #needs(space: keyof LossInputs): boolean {
    return this.terms.some(({ name }) => lossTerms[name].space === space);
  }

  #pair({ name }: WeightedTerm, prediction: LossInputs, target: LossInputs) {
    const { space } = lossTerms[name];
    const [predicted, wanted] = [prediction[space], target[space]];
    if (predicted && wanted) return { predicted, wanted };
    const side = predicted ? 'target' : 'prediction';
    throw new LossError(
      'loss-missing',
      `${name} compares ${space === 'pixel' ? 'decoded images' : 'latents'}, and the ${side} has none`,
      `Pass { ${space} } in the ${side}.`,
    );
  }
}
