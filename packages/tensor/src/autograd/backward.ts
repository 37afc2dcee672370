import { AutogradError, formatShape, openScope, sameShape, type Tensor } from '../core/index.ts';
import { Gradients } from './gradients.ts';
import { propagate } from './propagate.ts';

export interface BackwardOptions {
  /** Gradient of the loss itself; 1 by default, which asks for a loss of one element. */
  readonly gradient?: Tensor;
  /** A store to add to, for accumulation over micro-batches. */
  readonly into?: Gradients;
}

/**
 * Walks the loss's tape backwards once, releasing what ops saved on the way. First order only: the gradients are on no
 * tape.
 *
 * @returns the gradients of every parameter and watched tensor that the loss depends on
 * @throws AutogradError `autograd-no-tape`, `autograd-not-scalar`, `autograd-consumed`
 */
export function backward(loss: Tensor, options: BackwardOptions = {}): Gradients {
  const { tape, source } = loss;
  if (!tape || !source) {
    throw new AutogradError(
      'autograd-no-tape',
      'backward: the loss was not computed on a tape from anything that wants a gradient',
      'Put the input on a tape: tape.constant(x), or tape.watch(x) to get its gradient too.',
    );
  }
  using scope = openScope(loss.device);
  if (!options.gradient && loss.size !== 1) {
    throw new AutogradError(
      'autograd-not-scalar',
      `backward: the loss has shape ${formatShape(loss.shape)}`,
      'Reduce it with mean() or sum(), or pass { gradient }.',
    );
  }
  const seed = options.gradient ? scope.borrow(options.gradient) : scope.constant('1', () => [1], loss.shape);
  if (!sameShape(seed.shape, loss.shape)) {
    throw new AutogradError(
      'autograd-not-scalar',
      `backward: the gradient ${formatShape(seed.shape)} does not fit the loss ${formatShape(loss.shape)}`,
      'Pass a gradient of the shape of the loss.',
    );
  }
  const gradients = options.into ?? new Gradients(loss.device);
  const checked = globalThis.process?.env?.LUA_WEBGPU_CHECK === '1';
  try {
    if (checked) gradients.suspect('the gradient passed to backward holds', seed);
    propagate(tape, source, seed, {
      leaf: (key, shape, gradient) => gradients.accumulate(key, shape, gradient),
      produced: checked
        ? (op, gradient) => gradients.suspect(`the backward pass of ${op} produced`, gradient)
        : undefined,
    });
  } catch (error) {
    if (!options.into) gradients.dispose();
    throw error;
  }
  return gradients;
}
