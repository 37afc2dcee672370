import { type Device, NonFiniteError } from '@lua-webgpu/kernels';
import { formatShape, openScope, type Scope, type Shape, type Tensor } from '../core/index.ts';
import type { Parameter } from '../nn/index.ts';
import { add, countNonFinite } from '../ops/index.ts';

/** Gradients by leaf. Several backward passes may add to one store (micro-batches). Dispose it after the update. */
export class Gradients {
  readonly #scope: Scope;
  readonly #byLeaf = new Map<object, Tensor>();
  readonly #suspects: { readonly what: string; readonly count: Tensor }[] = [];

  constructor(device: Device) {
    this.#scope = openScope(device);
  }

  /** The gradient of a parameter (packed layout) or of a watched tensor; undefined where none arrived. */
  of(leaf: Parameter | Tensor): Tensor | undefined {
    return this.#byLeaf.get(leaf);
  }

  /** Number of leaves that a gradient arrived at. */
  get size(): number {
    return this.#byLeaf.size;
  }

  /** Adds to a leaf's gradient. */
  accumulate(key: object, shape: Shape, gradient: Tensor): void {
    const before = this.#byLeaf.get(key);
    using borrowed = this.#scope.borrow(gradient);
    const shaped = borrowed.reshape(shape);
    if (!before) {
      this.#byLeaf.set(key, shaped);
      return;
    }
    this.#byLeaf.set(key, add(before, shaped));
    before.dispose();
    shaped.dispose();
  }

  /** Remembers a gradient to be checked, when LUA_WEBGPU_CHECK=1; `what` begins the sentence about NaN in it. */
  suspect(what: string, gradient: Tensor): void {
    using borrowed = this.#scope.borrow(gradient);
    this.#suspects.push({ what, count: countNonFinite(borrowed) });
  }

  /**
   * Waits for the gradients and refuses NaN and infinity. With LUA_WEBGPU_CHECK=1 during `backward` the message names
   * the first op that produced one.
   * @throws NonFiniteError `non-finite`
   */
  async requireFinite(): Promise<void> {
    for (const { what, count } of this.#suspects) {
      if (((await count.read())[0] ?? 0) > 0) throw nonFinite(what);
    }
    for (const { count } of this.#suspects.splice(0)) count.dispose();
    for (const gradient of this.#byLeaf.values()) {
      using count = countNonFinite(gradient);
      if (((await count.read())[0] ?? 0) > 0)
        throw nonFinite(`a gradient ${formatShape(gradient.shape)} holds`);
    }
  }

  dispose(): void {
    this.#scope.dispose();
    this.#byLeaf.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function nonFinite(what: string): NonFiniteError {
  return new NonFiniteError(
    'non-finite',
    `${what} NaN or infinity`,
    'Run with LUA_WEBGPU_CHECK=1 to learn the op; lower the learning rate or look at the batch.',
  );
}
