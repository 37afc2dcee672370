import type { Device, GpuBuffer } from '@lua-webgpu/kernels';
import {
  AutogradError,
  type DType,
  joinScopes,
  joinTapes,
  SavedTensor,
  type Shape,
  type Tape,
  type Tensor,
  type TensorSpec,
} from '../core/index.ts';

/** All ops, handed to vjps: an op's file cannot import those that its gradient is made of without cycles. */
export type Ops = typeof import('./index.ts');

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
  /** A second result, computed where it is asked for: by `applyBoth`, or by the vjp of an op that is recorded. */
  readonly second?: SecondResult<A>;
  /** How gradients flow back, or why they do not: an op without a vjp refuses operands that want a gradient. */
  readonly vjp: Vjp<A> | NoVjp;
}

export type SecondResult<A> = Pick<OpDefinition<A>, 'infer' | 'reference' | 'tolerance'>;

/** Said by ops that pass no gradient on. */
export interface NoVjp {
  /** The reason, as it stands in the error that refuses an operand. */
  readonly none: string;
}

/** Why parts of backward passes have no vjp. */
export const firstOrder: NoVjp = { none: 'it is part of a gradient, and there are none of gradients' };

/** The vjp of an op; undefined where it says that it has none. */
export function vjpOf<A>({ vjp }: Pick<OpDefinition<A>, 'vjp'>): Vjp<A> | undefined {
  return 'none' in vjp ? undefined : vjp;
}

/** Which inputs, by position, and whether the output and the second result are kept until the backward pass. */
export interface Saves {
  readonly inputs?: readonly number[];
  readonly output?: boolean;
  readonly second?: boolean;
}

/** The vector-Jacobian product of an op. */
export interface Vjp<A> {
  /** What is kept until the backward pass; a function where that depends on which gradients are wanted. */
  readonly saves: Saves | ((wanted: readonly boolean[], attributes: A) => Saves);
  /** Gradients of the inputs, f32 whatever these are, made with other ops; only those `wanted` are looked at. */
  run(context: VjpContext<A>): Operands<Tensor>;
  /** The same in float64, from the cotangent of the output. */
  reference(inputs: Operands<NdArray>, attributes: A, cotangent: NdArray): Operands<NdArray>;
  /** Largest allowed |GPU − reference| for each input's gradient, per element or for all. */
  tolerance(
    inputs: Operands<NdArray>,
    attributes: A,
    cotangent: NdArray,
    expected: Operands<NdArray>,
  ): Operands<Float64Array | number>;
  /** Inputs that take a gradient; all by default. */
  readonly differentiable?: readonly number[];
  /** Samples to use in place of the op's own, away from points where it is not differentiable. */
  readonly samples?: readonly Sample<A>[];
  /** What the vjp is the derivative of, in float64, where that is not the op itself: rounding has none. */
  readonly derivativeOf?: (inputs: Operands<NdArray>, attributes: A) => NdArray;
}

export interface VjpContext<A> {
  readonly ops: Ops;
  /** The saved inputs, on no tape; undefined in the places of the others. */
  readonly inputs: Operands<Tensor>;
  /** Shapes and dtypes of all inputs. */
  readonly specs: Operands<TensorSpec>;
  /** The saved output; undefined unless `saves.output`. */
  readonly output: Tensor | undefined;
  /** The saved second result; undefined unless `saves.second`. */
  readonly second: Tensor | undefined;
  /** Of the output; f32. */
  readonly gradient: Tensor;
  readonly wanted: readonly boolean[];
  readonly attributes: A;
}

export interface ForwardContext<A> {
  readonly device: Device;
  readonly inputs: Operands<OperandBuffer>;
  readonly out: OperandBuffer;
  /** The second result, where it is asked for. */
  readonly second: OperandBuffer | undefined;
  readonly attributes: A;
}

export interface OperandBuffer extends TensorSpec {
  readonly buffer: GpuBuffer;
}

/**
 * Runs an op: infers, allocates the result in the operands' innermost scope, records the kernels, and the op itself
 * on the operands' tape where one of them wants a gradient.
 * @throws AutogradError `autograd-no-vjp`, `autograd-two-tapes`
 */
export function apply<A>(op: OpDefinition<A>, inputs: Operands<Tensor>, attributes: A): Tensor {
  const tape = joinTapes(op.name, present(inputs));
  const recording = isRecorded(inputs) ? recordingOf(op, inputs, attributes) : undefined;
  const results = compute(op, inputs, attributes, recording?.saves.second ? op.second : undefined);
  if (!tape) return results.result;
  const source = recording && record(tape, op.name, recording, { inputs, ...results, attributes });
  results.second?.dispose();
  return results.result.place(tape, source);
}

/**
 * An op with its second result. For ops of backward passes: neither is on a tape.
 * @throws AutogradError `autograd-no-vjp` where an operand wants a gradient
 */
export function applyBoth<A>(
  op: OpDefinition<A>,
  inputs: Operands<Tensor>,
  attributes: A,
): { readonly result: Tensor; readonly second: Tensor } {
  const { second, name } = op;
  if (isRecorded(inputs))
    throw noVjp(`${name} with both its results has no gradient, and one of its operands wants one`);
  if (!second) throw new TypeError(`${name} has one result`);
  const results = compute(op, inputs, attributes, second);
  return { result: results.result, second: required([results.second], 0) };
}

const present = (inputs: Operands<Tensor>) => inputs.filter((tensor) => tensor !== undefined);

function compute<A>(
  op: OpDefinition<A>,
  inputs: Operands<Tensor>,
  attributes: A,
  asked: SecondResult<A> | undefined,
): Results {
  const operand = (tensor: Tensor) => ({
    shape: tensor.shape,
    dtype: tensor.dtype,
    buffer: tensor.buffer(op.name),
  });
  const operands = inputs.map((tensor) => tensor && operand(tensor));
  const specs = [op, asked].map((each) => each?.infer(inputs, attributes));
  const scope = joinScopes(op.name, present(inputs));
  const [result, second] = specs.map((spec) => spec && scope.empty(spec.shape, spec.dtype, op.name));
  op.forward({
    device: scope.device,
    inputs: operands,
    out: operand(required([result], 0)),
    second: second && operand(second),
    attributes,
  });
  return { result: required([result], 0), second };
}

interface Results {
  readonly result: Tensor;
  readonly second: Tensor | undefined;
}

/** Whether an op of these operands goes on a tape, for the gradient of one of them. */
export const isRecorded = (operands: Operands<Tensor>): boolean =>
  operands.some((operand) => operand?.tape) && operands.some((operand) => operand?.source);

/** How an op goes on a tape. */
interface Recording<A> {
  readonly vjp: Vjp<A>;
  readonly saves: Saves;
  readonly wanted: readonly boolean[];
}

/** The vjp, where all operands that want a gradient can have one, and what it keeps. */
function recordingOf<A>(
  { name, vjp }: OpDefinition<A>,
  inputs: Operands<Tensor>,
  attributes: A,
): Recording<A> {
  if ('none' in vjp) throw noVjp(`${name} has no gradient (${vjp.none}), and one of its operands wants one`);
  const refused = inputs.findIndex((input, i) => input?.source && vjp.differentiable?.includes(i) === false);
  if (refused >= 0) throw noVjp(`${name} has no gradient for operand ${refused}, which wants one`);
  const wanted = inputs.map((input) => input?.source !== undefined);
  return { vjp, wanted, saves: typeof vjp.saves === 'function' ? vjp.saves(wanted, attributes) : vjp.saves };
}

const noVjp = (message: string): AutogradError =>
  new AutogradError('autograd-no-vjp', message, 'Pass operand.detach() where no gradient should flow.');

function record<A>(
  tape: Tape,
  name: string,
  { vjp, saves, wanted }: Recording<A>,
  {
    inputs,
    result,
    second,
    attributes,
  }: Results & { readonly inputs: Operands<Tensor>; readonly attributes: A },
) {
  const keep = (tensor: Tensor | undefined) => tensor && new SavedTensor(name, tensor);
  const sources = inputs.map((input) => input?.source);
  const savedInputs = inputs.map((input, i) => (saves.inputs?.includes(i) ? keep(input) : undefined));
  const savedOutput = saves.output ? keep(result) : undefined;
  const savedSecond = keep(second);
  const specs = inputs.map((input) => input && { shape: input.shape, dtype: input.dtype });
  return tape.record({
    name,
    backward(gradient, sink) {
      const scope = gradient.scope ?? joinScopes(name, [gradient]);
      const results = vjp.run({
        ops: sink.ops,
        inputs: savedInputs.map((input) => input?.borrow(scope)),
        specs,
        output: savedOutput?.borrow(scope),
        second: savedSecond?.borrow(scope),
        gradient,
        wanted,
        attributes,
      });
      sources.forEach((source, i) => {
        const gradientOf = results[i];
        if (source && gradientOf) sink.accumulate(source, gradientOf);
        else if (source) throw new TypeError(`${name} gives no gradient for operand ${i}`);
      });
    },
    release() {
      for (const saved of [...savedInputs, savedOutput, savedSecond]) saved?.release();
    },
  });
}

/** An operand that has to be there. */
export function required<T>(inputs: Operands<T>, index: number): T {
  const operand = inputs[index];
  if (operand === undefined) throw new TypeError(`operand ${index} is missing`);
  return operand;
}
