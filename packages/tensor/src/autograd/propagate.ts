import {
  type GradientSink,
  type GradientSource,
  openScope,
  type Shape,
  type Tape,
  type Tensor,
} from '../core/index.ts';
import * as ops from '../ops/index.ts';

/** Who wants to know what while gradients flow. */
export interface PropagateHooks {
  /** A gradient arrived at a leaf; it stays the caller's. */
  leaf(key: object, shape: Shape, gradient: Tensor): void;
  /** The backward pass of the named op passed a gradient on. */
  readonly produced?: GradientSink['produced'];
}

/** Lets a gradient flow from `source` back through the tape, which is consumed. */
export function propagate(tape: Tape, source: GradientSource, seed: Tensor, hooks: PropagateHooks): void {
  using scope = openScope(seed.device);
  const arrived = new Map<number, Tensor>();
  let by: string | undefined;
  const sink: GradientSink = {
    ops,
    produced: hooks.produced,
    accumulate(to, gradient) {
      if (by !== undefined) hooks.produced?.(by, gradient);
      if (to.kind === 'leaf') return hooks.leaf(to.key, to.shape, gradient);
      const before = arrived.get(to.index);
      const borrowed = scope.borrow(gradient);
      if (!before) {
        arrived.set(to.index, borrowed);
        return;
      }
      arrived.set(to.index, ops.add(before, borrowed));
      before.dispose();
      borrowed.dispose();
    },
  };
  sink.accumulate(source, seed.detach());
  tape.unwind((node, index) => {
    const gradient = arrived.get(index);
    if (!gradient) return;
    arrived.delete(index);
    by = node.name;
    using inner = scope.child();
    node.backward(inner.borrow(gradient), sink);
    gradient.dispose();
  });
}
