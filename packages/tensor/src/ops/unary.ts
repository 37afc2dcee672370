import { unary as record, ShapeError, type UnaryFunction, unaryFamily } from '@lua-webgpu/kernels';
import { elements, requireDType, type Tensor } from '../core/index.ts';
import { erf } from './activation.ts';
import { apply, type NdArray, type OpDefinition, required, type Sample, type Vjp } from './define.ts';
import { epsilon } from './tolerance.ts';
import {
  expUlps,
  logistic,
  logisticUlps,
  slopeProduct,
  slopeProductBound,
  type UnaryAttributes,
} from './unary-slopes.ts';

/** What is special about one function. */
interface Row {
  /** In float64. */
  f(x: number, a: number, b: number): number;
  /** Largest error in units in the last place of the result, where it is not rounded exactly. */
  ulps?(x: number, y: number, a: number, b: number): number;
  /** Largest error besides. */
  absolute?(x: number, y: number, a: number, b: number): number;
  /** Attributes of the samples; 0, 0 by default. */
  readonly attributes?: readonly UnaryAttributes[];
  /** Attributes to refuse with `attribute-invalid`. */
  readonly refused?: readonly UnaryAttributes[];
  /** Values for the samples where the function does not take all of [−1, 1). */
  readonly values?: (index: number) => number;
  /** Values worth trying besides. */
  readonly special: readonly number[];
}

const ulp = 2 * epsilon;
const signed = [0, 1e-30, 1e-8, 1e-3, 0.499, 0.5, 0.7, 1, 2.5, 9, 30].flatMap((x) => [x, -x]);
const wide = [...signed, ...[80, 87, 89, 200, 1e4, 3e38].flatMap((x) => [x, -x])];
const positive = [1e-30, 1e-6, 0.25, 0.5, 0.999, 1, 1.001, 2, 4, 1e6, 1e30];

const nearby = [0.499, 0.7, 2.5, 5, 9].flatMap((x) => [x, -x]);
const between = (lowest: number, highest: number) => (index: number) =>
  lowest + (highest - lowest) * ((index * 0.6180339887498949) % 1);

/** One row per function. */
const rows: Record<UnaryFunction, Row> = {
  neg: { f: (x) => -x, special: wide },
  abs: { f: (x) => Math.abs(x), special: wide },
  square: { f: (x) => x * x, ulps: () => 1, special: [...signed, 1e15, -1e15] },
  sqrt: { f: (x) => Math.sqrt(x), ulps: () => 4, values: between(0.01, 9), special: [...positive, 0] },
  exp: { f: (x) => Math.exp(x), ulps: expUlps, special: [...signed, 80, -80, 87, -87, -200, -3e38] },
  log: {
    f: (x) => Math.log(x),
    ulps: () => 3,
    absolute: (x) => (x >= 0.5 && x <= 2 ? 2 ** -21 : 0),
    values: between(0.01, 9),
    special: positive,
  },
  reciprocal: {
    f: (x) => 1 / x,
    ulps: () => 2.5,
    values: between(0.01, 9),
    special: [...positive, ...positive.map((x) => -x)],
  },
  relu: { f: (x) => Math.max(x, 0), special: wide },
  leakyRelu: {
    f: (x, slope) => (x < 0 ? slope * x : x),
    ulps: () => 1,
    attributes: [
      { a: 0.01, b: 0 },
      { a: 0.2, b: 0 },
    ],
    refused: [{ a: Number.NaN, b: 0 }],
    special: signed,
  },
  gelu: {
    f: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    ulps: () => 2,
    absolute: (x) => 1.5e-7 * Math.min(Math.abs(x), 6),
    special: wide,
  },
  silu: {
    f: (x) => x * logistic(x),
    ulps: (x) => logisticUlps(x) + 1,
    // A factor below float32's normal range may be flushed to zero before x enlarges it.
    absolute: (x) => 2 ** -126 * Math.abs(x),
    special: wide,
  },
  sigmoid: { f: logistic, ulps: logisticUlps, special: wide },
  tanh: {
    f: (x) => Math.tanh(x),
    ulps: (x, y) => 6 + (2 * Math.exp(-2 * Math.abs(x)) * expUlps(2 * x)) / Math.max(Math.abs(y), 0.4),
    special: wide,
  },
  clamp: {
    f: (x, lowest, highest) => Math.min(Math.max(x, lowest), highest),
    attributes: [
      { a: -0.5, b: 0.25 },
      { a: 0, b: 0 },
    ],
    refused: [
      { a: 1, b: -1 },
      { a: Number.NaN, b: 1 },
    ],
    special: wide,
  },
  affine: {
    f: (x, scale, offset) => scale * x + offset,
    ulps: () => 1,
    absolute: (x, _y, scale) => epsilon * Math.abs(scale * x),
    attributes: [
      { a: 2.5, b: -0.75 },
      { a: 1, b: 3 },
      { a: -0.125, b: 0 },
    ],
    refused: [
      { a: Number.NaN, b: 0 },
      { a: 1, b: Number.POSITIVE_INFINITY },
    ],
    special: signed,
  },
};

/** The op of one row. */
function defineUnary(name: UnaryFunction): OpDefinition<UnaryAttributes> {
  const row = rows[name];
  return {
    name,
    families: [unaryFamily.name],

    infer(inputs, { a, b }) {
      const x = required(inputs, 0);
      requireDType(name, 'x', x.dtype, 'f32');
      if (!Number.isFinite(a) || !Number.isFinite(b) || (name === 'clamp' && a > b)) {
        throw new ShapeError(
          'attribute-invalid',
          `${name}: ${name === 'clamp' ? `the bounds ${a} and ${b}` : `the factors ${a} and ${b}`}`,
          name === 'clamp' ? 'Pass finite bounds, the lower first.' : 'Pass finite numbers.',
        );
      }
      return { shape: x.shape, dtype: 'f32' };
    },

    forward({ device, inputs, out, attributes }) {
      const x = required(inputs, 0);
      const shape = { function: name, count: elements(x.shape), ...attributes };
      record(device, { x: x.buffer, out: out.buffer }, shape);
    },

    reference(inputs, { a, b }) {
      const x = required(inputs, 0);
      return { shape: x.shape, data: x.data.map((value) => row.f(value, Math.fround(a), Math.fround(b))) };
    },

    samples: [...samplesOf(row), manyWorkgroups(row)],

    refusals: [
      { code: 'dtype-mismatch', inputs: [[2, 4]], dtypes: ['i32'], attributes: { a: 0, b: 0 } },
      ...(row.refused ?? []).map((attributes) => ({ code: 'attribute-invalid', inputs: [[4]], attributes })),
    ],

    tolerance(inputs, { a, b }, reference) {
      const x = required(inputs, 0);
      return reference.data.map((y, i) => {
        const value = x.data[i] ?? 0;
        const ulps = row.ulps?.(value, y, a, b) ?? 0;
        if (ulps === 0) return 0;
        // Results below float32's normal range may be flushed to zero.
        return ulp * ulps * Math.abs(y) + (row.absolute?.(value, y, a, b) ?? 0) + 2 ** -126;
      });
    },

    vjp: defineVjp(name),
  };
}

/** What a function's gradient is made of where that is not its input. */
const fromOutput = new Set<UnaryFunction>(['exp', 'relu']);
const fromNothing = new Set<UnaryFunction>(['neg', 'affine']);

/** The gradient, which is 0 for abs and relu at 0 and for sqrt at 0; see `unaryGradient`. */
function defineVjp(name: UnaryFunction): Vjp<UnaryAttributes> {
  return {
    saves: fromNothing.has(name) ? {} : fromOutput.has(name) ? { output: true } : { inputs: [0] },

    run({ ops: all, inputs, output, gradient, attributes }) {
      if (name === 'neg') return [all.neg(gradient)];
      if (name === 'affine') return [all.affine(gradient, { scale: attributes.a, offset: 0 })];
      if (name === 'exp') return [all.mul(gradient, required([output], 0))];
      const x = output ?? required(inputs, 0);
      return [all.unaryGradient(name, x, gradient, attributes)];
    },

    reference: (inputs, attributes, cotangent) => [
      slopeProduct(name, required(inputs, 0), cotangent, attributes),
    ],

    tolerance: (inputs, _attributes, cotangent, expected) => [
      slopeProductBound(name, required(inputs, 0), cotangent, required(expected, 0)),
    ],

    samples: smoothSamplesOf(rows[name]),
  };
}

function samplesOf(row: Row): Sample<UnaryAttributes>[] {
  const filled = (shape: readonly number[]) => (row.values ? ndArray(shape, row.values) : shape);
  const special = row.special.map(Math.fround);
  return (row.attributes ?? [{ a: 0, b: 0 }]).flatMap((attributes) => [
    { inputs: [filled([2, 3, 4, 5])], attributes },
    { name: 'two workgroups', inputs: [filled([3, 500])], attributes },
    { name: 'odd count', inputs: [filled([7, 11, 3])], attributes },
    { name: 'rank 0', inputs: [filled([])], attributes },
    { name: 'empty', inputs: [[2, 0, 3]], attributes },
    { name: 'special values', inputs: [ndArray([special.length], (i) => special[i] ?? 0)], attributes },
    {
      name: 'special values, four times',
      inputs: [ndArray([special.length, 4], (i) => special[Math.floor(i / 4)] ?? 0)],
      attributes,
    },
  ]);
}

/** Enough for a grid whose two dimensions differ once it is folded, as tests fold it; too many for a gradient by steps. */
function manyWorkgroups(row: Row): Sample<UnaryAttributes> {
  const attributes = row.attributes?.[0] ?? { a: 0, b: 0 };
  return {
    name: 'five workgroups',
    inputs: [row.values ? ndArray([5, 1000], row.values) : [5, 1000]],
    attributes,
  };
}

/** Samples without the kinks, and without the values that a step of 1e-6 does not move. */
function smoothSamplesOf(row: Row): Sample<UnaryAttributes>[] {
  const away = row.values ? row.special.filter((x) => Math.abs(x) >= 0.25 && Math.abs(x) < 10) : nearby;
  return [
    ...samplesOf(row).filter(({ name }) => !name?.startsWith('special')),
    ...(row.attributes ?? [{ a: 0, b: 0 }]).map((attributes) => ({
      name: 'spread',
      inputs: [ndArray([away.length], (i) => away[i] ?? 0)],
      attributes,
    })),
  ];
}

function ndArray(shape: readonly number[], value: (index: number) => number): NdArray {
  return {
    shape,
    data: Float64Array.from({ length: elements(shape) }, (_, index) => Math.fround(value(index))),
  };
}

const names = Object.keys(rows) as UnaryFunction[];
const ops = Object.fromEntries(names.map((name) => [name, defineUnary(name)])) as Record<
  UnaryFunction,
  OpDefinition<UnaryAttributes>
>;

/** The ops of one operand, for the registry. */
export const unaryOps: readonly OpDefinition<UnaryAttributes>[] = Object.values(ops);

const run = (name: UnaryFunction, x: Tensor, a = 0, b = 0): Tensor => apply(ops[name], [x], { a, b });

/** −x, elementwise. @throws ShapeError `dtype-mismatch`, as all ops of this file, which take f32 tensors of any shape */
export const neg = (x: Tensor): Tensor => run('neg', x);
/** |x|, elementwise. */
export const abs = (x: Tensor): Tensor => run('abs', x);
/** x², elementwise. */
export const square = (x: Tensor): Tensor => run('square', x);
/** √x, elementwise, for x ≥ 0. */
export const sqrt = (x: Tensor): Tensor => run('sqrt', x);
/** eˣ, elementwise. Infinite above 88.72. */
export const exp = (x: Tensor): Tensor => run('exp', x);
/** Natural logarithm, elementwise, for x > 0. */
export const log = (x: Tensor): Tensor => run('log', x);
/** 1/x, elementwise, for x ≠ 0. */
export const reciprocal = (x: Tensor): Tensor => run('reciprocal', x);
/** max(x, 0), elementwise. */
export const relu = (x: Tensor): Tensor => run('relu', x);
/** x for x ≥ 0, else slope·x, elementwise. @throws ShapeError `attribute-invalid` unless the slope is finite */
export const leakyRelu = (x: Tensor, options: { slope: number }): Tensor =>
  run('leakyRelu', x, options.slope);
/** x·(1 + erf(x/√2))/2, elementwise: the exact GELU. */
export const gelu = (x: Tensor): Tensor => run('gelu', x);
/** x·sigmoid(x), elementwise. */
export const silu = (x: Tensor): Tensor => run('silu', x);
/** 1/(1 + e⁻ˣ), elementwise, accurate at both ends. */
export const sigmoid = (x: Tensor): Tensor => run('sigmoid', x);
/** tanh x, elementwise, accurate around 0 and at both ends. */
export const tanh = (x: Tensor): Tensor => run('tanh', x);
/** x held between `min` and `max`, elementwise. @throws ShapeError `attribute-invalid` unless min ≤ max, both finite */
export const clamp = (x: Tensor, options: { min: number; max: number }): Tensor =>
  run('clamp', x, options.min, options.max);
/** scale·x + offset, elementwise. @throws ShapeError `attribute-invalid` unless both are finite */
export const affine = (x: Tensor, options: { scale: number; offset: number }): Tensor =>
  run('affine', x, options.scale, options.offset);
