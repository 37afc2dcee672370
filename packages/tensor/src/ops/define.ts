import type { Device, GpuBuffer } from '@lua-webgpu/kernels';
import { type DType, joinScopes, type Shape, type Tensor, type TensorSpec } from '../core/index.ts';

/** A float64 array on the host, for references. */
export interface NdArray {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** Optional operands are `undefined` in their place. */
export type Operands<T> = readonly (T | undefined)[];

/** Inputs to try an op on. A bare shape is filled with seeded values in [−1, 1). */
export interface Sample<A> {
  readonly name?: string;
  readonly inputs: Operands<Shape | NdArray>;
  readonly attributes: A;
}

/** Inputs that the op has to refuse with this error code. */
export interface Refusal<A> {
  readonly code: string;
  readonly inputs: Operands<Shape>;
  /** dtypes of the inputs where they are not those of the samples. */
  readonly dtypes?: readonly DType[];
  readonly attributes: A;
}

/**
 * Everything about one op in one place. The registry of these is the test list: the harness runs every sample
 * against the reference with every variant of every family on every adapter.
 */
export interface OpDefinition<A> {
  readonly name: string;
  /** Kernel families behind the op, whose variants the tests force one by one. */
  readonly families: readonly string[];
  /** dtypes of the sample inputs where they are not f32. */
  readonly inputDTypes?: readonly DType[];
  /** Shape and dtype of the result. @throws ShapeError */
  infer(inputs: Operands<TensorSpec>, attributes: A): TensorSpec;
  /** Records the kernels that fill `out`. */
  forward(context: ForwardContext<A>): void;
  /** The same in float64. */
  reference(inputs: Operands<NdArray>, attributes: A): NdArray;
  readonly samples: readonly Sample<A>[];
  readonly refusals: readonly Refusal<A>[];
  /** Largest allowed |GPU − reference|, per element or for all, from an error model (see `tolerance.ts`). */
  tolerance(inputs: Operands<NdArray>, attributes: A, reference: NdArray): Float64Array | number;
}

export interface ForwardContext<A> {
  readonly device: Device;
  readonly inputs: Operands<OperandBuffer>;
  readonly out: OperandBuffer;
  readonly attributes: A;
}

export interface OperandBuffer extends TensorSpec {
  readonly buffer: GpuBuffer;
}

/** Runs an op: infers, allocates the result in the operands' innermost scope, records. */
export function apply<A>(op: OpDefinition<A>, inputs: Operands<Tensor>, attributes: A): Tensor {
  const present = inputs.filter((tensor) => tensor !== undefined);
  const operands = inputs.map((tensor) =>
    tensor ? { shape: tensor.shape, dtype: tensor.dtype, buffer: tensor.buffer(op.name) } : undefined,
  );
  const spec = op.infer(inputs, attributes);
  const scope = joinScopes(op.name, present);
  const result = scope.empty(spec.shape, spec.dtype, op.name);
  op.forward({
    device: scope.device,
    inputs: operands,
    out: { ...spec, buffer: result.buffer(op.name) },
    attributes,
  });
  return result;
}

/** An operand that has to be there. */
export function required<T>(inputs: Operands<T>, index: number): T {
  const operand = inputs[index];
  if (operand === undefined) throw new TypeError(`operand ${index} is missing`);
  return operand;
}
