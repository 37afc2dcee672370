import { LuaWebGpuError } from '@lua-webgpu/kernels';
import type { Ops } from '../ops/index.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** Differentiation asked of something that cannot give it. Codes: `autograd-*`. */
export class AutogradError extends LuaWebGpuError {}

/**
 * What a gradient flows back to: a leaf that somebody wants the gradient of (a parameter, a watched tensor), or the
 * node that computed the tensor.
 */
export type GradientSource =
  | { readonly kind: 'leaf'; readonly key: object; readonly shape: Shape }
  | { readonly kind: 'node'; readonly index: number };

/** Takes the gradients that a node passes on. */
export interface GradientSink {
  /** What gradients are computed with. */
  readonly ops: Ops;
  /** Adds `gradient` to what has arrived at `source`; the gradient stays the caller's. */
  accumulate(source: GradientSource, gradient: Tensor): void;
  /** Told of every gradient and the op that it comes from, where somebody wants to know; nodes of nodes pass it on. */
  readonly produced: ((op: string, gradient: Tensor) => void) | undefined;
}

/** One recorded op. */
export interface TapeNode {
  readonly name: string;
  /** Passes the gradient of the node's output on to the sources of its inputs. */
  backward(gradient: Tensor, sink: GradientSink): void;
  /** Gives back what the node saved. */
  release(): void;
}

/**
 * Records ops for one backward pass. There is no current tape: operands carry theirs, and a result joins the tape of
 * its operands. Made by `openTape`, consumed by `backward`.
 */
export class Tape {
  readonly #nodes: TapeNode[] = [];
  #consumed = false;

  /** Number of recorded nodes. */
  get length(): number {
    return this.#nodes.length;
  }

  /** The tensor on this tape, so that ops on it are recorded; no gradient is made for it. */
  constant(x: Tensor): Tensor {
    return x.detach().place(this, undefined);
  }

  /** As `constant`, and `gradients.of(result)` gives its gradient. */
  watch(x: Tensor): Tensor {
    const watched = this.constant(x);
    return watched.place(this, { kind: 'leaf', key: watched, shape: x.shape });
  }

  /** @throws AutogradError `autograd-consumed` after `backward` or `dispose` */
  record(node: TapeNode): GradientSource {
    if (this.#consumed) {
      node.release();
      throw consumed(node.name);
    }
    this.#nodes.push(node);
    return { kind: 'node', index: this.#nodes.length - 1 };
  }

  /**
   * Hands out the nodes from the last to the first, once; each is released after `visit` returns or throws.
   * @throws AutogradError `autograd-consumed`
   */
  unwind(visit: (node: TapeNode, index: number) => void): void {
    if (this.#consumed) throw consumed('backward');
    this.#consumed = true;
    try {
      for (let index = this.#nodes.length - 1; index >= 0; index--) {
        const node = this.#nodes.pop() as TapeNode;
        try {
          visit(node, index);
        } finally {
          node.release();
        }
      }
    } finally {
      this.dispose();
    }
  }

  /** Releases everything saved. Calling it again does nothing. */
  dispose(): void {
    this.#consumed = true;
    for (const node of this.#nodes.splice(0)) node.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function consumed(by: string): AutogradError {
  return new AutogradError(
    'autograd-consumed',
    `${by}: the tape has been used for a backward pass or disposed`,
    'Open a tape for every forward pass; gradients of several passes add up in one Gradients store.',
  );
}

/**
 * The tape that an op's operands share; undefined where none is on a tape.
 * @throws AutogradError `autograd-two-tapes`
 */
export function joinTapes(op: string, operands: readonly Tensor[]): Tape | undefined {
  let tape: Tape | undefined;
  for (const operand of operands) {
    if (operand.tape && tape && operand.tape !== tape) {
      throw new AutogradError(
        'autograd-two-tapes',
        `${op}: the operands are on two tapes`,
        'Detach one of them, or compute both on one tape.',
      );
    }
    tape ??= operand.tape;
  }
  return tape;
}
