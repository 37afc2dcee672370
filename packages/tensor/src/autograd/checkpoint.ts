import { joinTapes, SavedTensor, scoped, Tape, type Tensor } from '../core/index.ts';
import { propagate } from './propagate.ts';

/**
 * Computes without recording, and once more, recorded, when the backward pass arrives: memory for time (Chen et al.
 * 2016, arXiv 1604.06174). `compute` has to be a pure function of its operand and of parameters; random numbers that
 * are functions of (seed, step, sample) come out the same.
 */
export function checkpoint(x: Tensor, compute: (x: Tensor) => Tensor): Tensor {
  const tape = joinTapes('checkpoint', [x]);
  if (!tape) return compute(x);
  const saved = new SavedTensor('checkpoint', x);
  const output = scoped(x, (input) => compute(input.place(undefined, undefined)));
  const to = x.source;
  const source = tape.record({
    name: 'checkpoint',
    backward(gradient, sink) {
      const inner = new Tape();
      const scope = gradient.scope as NonNullable<Tensor['scope']>;
      const again = inner.watch(saved.borrow(scope));
      const result = compute(again);
      if (!result.source) return inner.dispose();
      propagate(inner, result.source, gradient, {
        leaf: (key, shape, arrived) => {
          if (key !== again) sink.accumulate({ kind: 'leaf', key, shape }, arrived);
          else if (to) sink.accumulate(to, arrived);
        },
      });
    },
    release: () => saved.release(),
  });
  return output.place(tape, source);
}
