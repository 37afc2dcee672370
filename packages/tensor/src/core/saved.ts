import type { Scope } from './scope.ts';
import { formatShape } from './shape.ts';
import { AutogradError } from './tape.ts';
import type { Tensor } from './tensor.ts';

/** A tensor that an op keeps for its backward pass, which has to find it as it was. */
export class SavedTensor {
  readonly #op: string;
  readonly #tensor: Tensor;
  readonly #version: number;

  constructor(op: string, tensor: Tensor) {
    this.#op = op;
    this.#tensor = tensor.retain().place(undefined, undefined);
    this.#version = tensor.version;
  }

  /** The tensor on no tape, owned by `scope`. @throws AutogradError `autograd-modified` */
  borrow(scope: Scope): Tensor {
    if (this.#tensor.version !== this.#version) {
      throw new AutogradError(
        'autograd-modified',
        `${this.#op} kept a tensor ${formatShape(this.#tensor.shape)} for its gradient, and it was changed in place since`,
        'Call backward before the optimiser step, and compute the loss again after loading parameters.',
      );
    }
    return scope.borrow(this.#tensor);
  }

  release(): void {
    this.#tensor.dispose();
  }
}
