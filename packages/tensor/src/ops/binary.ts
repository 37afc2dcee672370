import {
  type BinaryFunction,
  binaryFamily,
  broadcastSizes,
  binary as record,
  ShapeError,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, type Tensor } from '../core/index.ts';
import { binaryVjp } from './binary-gradients.ts';
import { repeat } from './broadcast.ts';
import { apply, type OpDefinition, required, type Sample } from './define.ts';
import { ulpBound } from './tolerance.ts';

type None = Readonly<Record<string, never>>;

/** What is special about one function: itself in float64, and its error in units in the last place of the result. */
const rows: Record<BinaryFunction, { f(a: number, b: number): number; ulps: number }> = {
  add: { f: (a, b) => a + b, ulps: 1 },
  sub: { f: (a, b) => a - b, ulps: 1 },
  mul: { f: (a, b) => a * b, ulps: 1 },
  div: { f: (a, b) => a / b, ulps: 2.5 },
  maximum: { f: Math.max, ulps: 0 },
  minimum: { f: Math.min, ulps: 0 },
};

const samples: readonly Sample<None>[] = [
  {
    inputs: [
      [2, 3, 4, 8],
      [2, 3, 4, 8],
    ],
    attributes: {},
  },
  {
    name: 'two workgroups',
    inputs: [
      [3, 500],
      [3, 500],
    ],
    attributes: {},
  },
  {
    name: 'odd count',
    inputs: [
      [7, 11, 3],
      [7, 11, 3],
    ],
    attributes: {},
  },
  { name: 'a row', inputs: [[2, 5, 60], [60]], attributes: {} },
  {
    name: 'a row, broadcast on the left',
    inputs: [
      [1, 8],
      [37, 8],
    ],
    attributes: {},
  },
  { name: 'a short row', inputs: [[700, 4], [4]], attributes: {} },
  {
    name: 'a row of two axes',
    inputs: [
      [3, 5, 4],
      [1, 5, 4],
    ],
    attributes: {},
  },
  { name: 'an odd row', inputs: [[6, 7], [7]], attributes: {} },
  {
    name: 'a column',
    inputs: [
      [6, 8],
      [6, 1],
    ],
    attributes: {},
  },
  {
    name: 'an inner axis',
    inputs: [
      [2, 3, 4, 5],
      [2, 1, 1, 5],
    ],
    attributes: {},
  },
  { name: 'one value', inputs: [[6, 8], []], attributes: {} },
  {
    name: 'one value on the left',
    inputs: [
      [1, 1],
      [6, 8],
    ],
    attributes: {},
  },
  {
    name: 'outer product',
    inputs: [
      [5, 1],
      [1, 7],
    ],
    attributes: {},
  },
  {
    name: 'five axes, both broadcast',
    inputs: [
      [2, 1, 3, 1, 5],
      [1, 4, 3, 2, 1],
    ],
    attributes: {},
  },
  {
    name: 'five axes, every other',
    inputs: [
      [2, 3, 2, 3, 2],
      [2, 1, 2, 1, 2],
    ],
    attributes: {},
  },
  { name: 'rank 0', inputs: [[], []], attributes: {} },
  { name: 'empty', inputs: [[2, 0, 3], [3]], attributes: {} },
  { name: 'empty by broadcasting', inputs: [[0], [4, 1]], attributes: {} },
];

function defineBinary(name: BinaryFunction): OpDefinition<None> {
  const { f, ulps } = rows[name];
  return {
    name,
    families: [binaryFamily.name],

    infer(inputs) {
      const a = required(inputs, 0);
      const b = required(inputs, 1);
      for (const [operand, { dtype }] of Object.entries({ a, b })) requireDType(name, operand, dtype, 'f32');
      const shape = broadcastSizes(a.shape, b.shape);
      if (shape) return { shape, dtype: 'f32' };
      throw new ShapeError(
        'shape-mismatch',
        `${name}: ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`,
        'Sizes have to be equal or 1, counted from the last axis.',
      );
    },

    forward({ device, inputs, out }) {
      const a = required(inputs, 0);
      const b = required(inputs, 1);
      const shape = { function: name, a: a.shape, b: b.shape };
      record(device, { a: a.buffer, b: b.buffer, out: out.buffer }, shape);
    },

    reference(inputs) {
      const a = required(inputs, 0);
      const b = required(inputs, 1);
      const shape = broadcastSizes(a.shape, b.shape) ?? [];
      const [left, right] = [repeat(a, shape), repeat(b, shape)];
      return { shape, data: left.map((value, i) => f(value, right[i] ?? 0)) };
    },

    samples,

    refusals: [
      { code: 'shape-mismatch', inputs: [[2, 3], [4]], attributes: {} },
      {
        code: 'shape-mismatch',
        inputs: [
          [2, 3, 4],
          [3, 3, 4],
        ],
        attributes: {},
      },
      { code: 'shape-mismatch', inputs: [[0], [2]], attributes: {} },
      { code: 'dtype-mismatch', inputs: [[2], [2]], dtypes: ['f32', 'i32'], attributes: {} },
    ],

    tolerance: (_inputs, _attributes, reference) => (ulps === 0 ? 0 : ulpBound(ulps, reference, 2 ** -126)),

    vjp: binaryVjp(name, samples),
  };
}

const names = Object.keys(rows) as BinaryFunction[];
const ops = Object.fromEntries(names.map((name) => [name, defineBinary(name)])) as Record<
  BinaryFunction,
  OpDefinition<None>
>;

/** The ops of two operands, for the registry. */
export const binaryOps: readonly OpDefinition<None>[] = Object.values(ops);

const run = (name: BinaryFunction, a: Tensor, b: Tensor): Tensor => apply(ops[name], [a, b], {});

/**
 * a + b, elementwise, as all ops of this file: f32, with NumPy's broadcasting.
 * @throws ShapeError `shape-mismatch`, `dtype-mismatch`
 */
export const add = (a: Tensor, b: Tensor): Tensor => run('add', a, b);
/** a − b, elementwise. */
export const sub = (a: Tensor, b: Tensor): Tensor => run('sub', a, b);
/** a · b, elementwise. */
export const mul = (a: Tensor, b: Tensor): Tensor => run('mul', a, b);
/** a / b, elementwise, for b ≠ 0. */
export const div = (a: Tensor, b: Tensor): Tensor => run('div', a, b);
/** The larger of a and b, elementwise; at ties the gradient flows to a. NaN is not reliably propagated. */
export const maximum = (a: Tensor, b: Tensor): Tensor => run('maximum', a, b);
/** The smaller of a and b, elementwise; at ties the gradient flows to a. NaN is not reliably propagated. */
export const minimum = (a: Tensor, b: Tensor): Tensor => run('minimum', a, b);
