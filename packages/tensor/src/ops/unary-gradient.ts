import {
  unaryGradient as record,
  ShapeError,
  type UnaryFunction,
  unaryGradientFamily,
} from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, sameShape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required, type Sample } from './define.ts';
import { slopeProduct, slopeProductBound, type UnaryAttributes } from './unary-slopes.ts';

export interface UnaryGradientAttributes extends UnaryAttributes {
  readonly function: UnaryFunction;
}

const both = (values: readonly number[]) => values.flatMap((x) => [x, -x]);
const around = both([1e-30, 1e-8, 1e-3, 0.499, 0.5, 0.7, 1, 2.5, 9, 30]);
const signed = [0, ...around];
const wide = [...signed, ...both([80, 87, 89, 200, 1e4, 3e38])];
const positive = [1e-30, 1e-6, 0.25, 0.5, 0.999, 1, 1.001, 2, 4, 1e6, 1e30];

/** Values worth trying for each function, and its attributes. */
const trials: Record<UnaryFunction, { special: readonly number[]; attributes?: readonly UnaryAttributes[] }> =
  {
    neg: { special: wide },
    abs: { special: wide },
    square: { special: wide.filter((x) => Math.abs(x) < 1e30) },
    sqrt: { special: [...positive, 0] },
    exp: { special: [...signed, 80, -80, 87, -87, -200, -3e38] },
    log: { special: positive },
    reciprocal: { special: both([1e-6, 0.25, 0.5, 0.999, 1, 2, 4, 1e6, 1e15]) },
    relu: { special: wide },
    leakyRelu: {
      special: signed,
      attributes: [
        { a: 0.01, b: 0 },
        { a: 0.2, b: 0 },
      ],
    },
    gelu: { special: wide },
    silu: { special: wide },
    sigmoid: { special: wide },
    tanh: { special: wide },
    clamp: {
      special: [...wide, 0.25],
      attributes: [
        { a: -0.5, b: 0.25 },
        { a: 0, b: 0 },
      ],
    },
    affine: { special: signed, attributes: [{ a: 2.5, b: -0.75 }] },
  };

const onlyPositive = new Set<UnaryFunction>(['sqrt', 'log', 'reciprocal']);

export const unaryGradientOp: OpDefinition<UnaryGradientAttributes> = {
  name: 'unaryGradient',
  families: [unaryGradientFamily.name],

  infer(inputs, { a, b }) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    for (const [name, { dtype }] of Object.entries({ x, gradient })) {
      requireDType('unaryGradient', name, dtype, 'f32');
    }
    if (!sameShape(x.shape, gradient.shape)) {
      throw new ShapeError(
        'shape-mismatch',
        `unaryGradient: x ${formatShape(x.shape)} and gradient ${formatShape(gradient.shape)} differ`,
        "Pass the gradient of the function's result, which has the shape of x.",
      );
    }
    if (!Number.isFinite(a) || !Number.isFinite(b)) {
      throw new ShapeError(
        'attribute-invalid',
        `unaryGradient: the factors ${a} and ${b}`,
        'Pass finite numbers.',
      );
    }
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    record(
      device,
      { x: x.buffer, gradient: gradient.buffer, out: out.buffer },
      { ...attributes, count: elements(x.shape) },
    );
  },

  reference: (inputs, attributes) =>
    slopeProduct(attributes.function, required(inputs, 0), required(inputs, 1), attributes),

  samples: (Object.keys(trials) as UnaryFunction[]).flatMap(samplesOf),

  refusals: [
    { code: 'shape-mismatch', inputs: [[2, 4], [8]], attributes: { function: 'gelu', a: 0, b: 0 } },
    {
      code: 'dtype-mismatch',
      inputs: [[4], [4]],
      dtypes: ['f32', 'i32'],
      attributes: { function: 'relu', a: 0, b: 0 },
    },
    {
      code: 'attribute-invalid',
      inputs: [[4], [4]],
      attributes: { function: 'leakyRelu', a: Number.NaN, b: 0 },
    },
  ],

  tolerance: (inputs, attributes, reference) =>
    slopeProductBound(attributes.function, required(inputs, 0), required(inputs, 1), reference),
  vjp: firstOrder,
};

function samplesOf(name: UnaryFunction): Sample<UnaryGradientAttributes>[] {
  const { special, attributes: tried = [{ a: 0, b: 0 }] } = trials[name];
  const values = special.map(Math.fround);
  const plain = (shape: readonly number[]) =>
    onlyPositive.has(name) ? ndArray(shape, (index) => 0.01 + 9 * ((index * 0.6180339887498949) % 1)) : shape;
  return tried.flatMap((each) => {
    const attributes = { ...each, function: name };
    const sample = (what: string, shape: readonly number[]) => ({
      name: `${name}, ${what}`,
      inputs: [plain(shape), shape],
      attributes,
    });
    return [
      sample('two workgroups', [3, 500]),
      sample('odd count', [7, 11, 3]),
      sample('rank 0', []),
      sample('empty', [2, 0, 3]),
      {
        name: `${name}, special values`,
        inputs: [ndArray([values.length], (i) => values[i] ?? 0), [values.length]],
        attributes,
      },
      {
        name: `${name}, special values, four times`,
        inputs: [ndArray([values.length, 4], (i) => values[Math.floor(i / 4)] ?? 0), [values.length, 4]],
        attributes,
      },
    ];
  });
}

function ndArray(shape: readonly number[], value: (index: number) => number): NdArray {
  return {
    shape,
    data: Float64Array.from({ length: elements(shape) }, (_, index) => Math.fround(value(index))),
  };
}

/**
 * gradient · f'(x), elementwise, both f32 of one shape: what an elementwise function passes back. Where f has a kink
 * the result is 0 for abs and relu at 0, slope·gradient for leakyRelu at 0, the gradient for clamp on its bounds; for
 * sqrt it is 0 at 0, whose slope is unbounded.
 *
 * @param options the function's attributes: the slope of leakyRelu (a), the bounds of clamp (a, b), scale and offset of
 *   affine (a, b); 0 by default
 * @throws ShapeError `shape-mismatch`, `dtype-mismatch`, `attribute-invalid` unless both are finite
 */
export function unaryGradient(
  fn: UnaryFunction,
  x: Tensor,
  gradient: Tensor,
  { a = 0, b = 0 }: Partial<UnaryAttributes> = {},
): Tensor {
  return apply(unaryGradientOp, [x, gradient], { function: fn, a, b });
}
