import { type GradientSource, joinScopes, joinTapes, SavedTensor, Tape, type Tensor } from '../core/index.ts';
import { propagate } from './propagate.ts';

/**
 * Computes without recording, and once more, recorded, when the backward pass arrives: memory for time (Chen et al.
 * 2016, arXiv 1604.06174). `compute` has to be a pure function of its operand and of parameters; random numbers that
 * are functions of (seed, step, sample) come out the same.
 */
export function checkpoint(x: Tensor, compute: (x: Tensor) => Tensor): Tensor {
  return checkpointAll([x], ([operand]) => compute(operand as Tensor));
}

/** As `checkpoint`, of several operands. */
export function checkpointAll(
  operands: readonly Tensor[],
  compute: (operands: readonly Tensor[]) => Tensor,
): Tensor {
  const tape = joinTapes('checkpoint', operands);
  if (!tape) return compute(operands);
  const saved = operands.map((operand) => new SavedTensor('checkpoint', operand));
  const sources = operands.map(({ source }) => source);
  using inner = joinScopes('checkpoint', operands).child();
  const output = inner.keep(
    compute(operands.map((operand) => inner.borrow(operand).place(undefined, undefined))),
  );
  const source = tape.record({
    name: 'checkpoint',
    backward(gradient, sink) {
      const again = new Tape();
      const scope = gradient.scope as NonNullable<Tensor['scope']>;
      const inputs = saved.map((each, i) =>
        sources[i] ? again.watch(each.borrow(scope)) : again.constant(each.borrow(scope)),
      );
      const sourceOf = new Map<object, GradientSource | undefined>(
        inputs.map((input, i) => [input, sources[i]]),
      );
      const result = compute(inputs);
      if (!result.source) return again.dispose();
      propagate(again, result.source, gradient, {
        leaf: (key, shape, arrived) => {
          sink.accumulate(sourceOf.get(key) ?? { kind: 'leaf', key, shape }, arrived);
        },
        produced: sink.produced,
      });
    },
    release: () => {
      for (const each of saved) each.release();
    },
  });
  return output.place(tape, source);
}
