import type { BinaryFunction } from '@lua-webgpu/kernels';
import { elements, type Tensor } from '../core/index.ts';
import { repeat, sumTensorTo, sumTo } from './broadcast.ts';
import { type NdArray, type Operands, type Ops, required, type Sample, type Vjp } from './define.ts';
import { treeSumBound } from './reduction-error.ts';
import { absolute } from './tolerance.ts';

type None = Readonly<Record<string, never>>;
type Slope = (a: number, b: number) => number;

interface Context {
  readonly ops: Ops;
  /** Of the result. */
  readonly g: Tensor;
  /** The operands, where they are saved. */
  readonly a: Tensor;
  readonly b: Tensor;
  readonly wanted: readonly boolean[];
}

/** The gradients of one function. */
interface Row {
  /** With respect to a and b, in float64. */
  readonly slopes: readonly [Slope, Slope];
  /** Largest error of either gradient in units in the last place, before broadcast operands add theirs up. */
  readonly ulps: number;
  readonly needsOperands: boolean;
  /** Both on the shape of the result; that of an operand that is not wanted may be left out. */
  gradients(context: Context): Operands<Tensor>;
}

/** At ties the whole gradient flows to a. */
const rows: Record<BinaryFunction, Row> = {
  add: { slopes: [() => 1, () => 1], ulps: 0, needsOperands: false, gradients: ({ g }) => [g, g] },
  sub: {
    slopes: [() => 1, () => -1],
    ulps: 0,
    needsOperands: false,
    gradients: ({ ops, g, wanted }) => [g, wanted[1] ? ops.neg(g) : undefined],
  },
  mul: {
    slopes: [(_a, b) => b, (a) => a],
    ulps: 1,
    needsOperands: true,
    gradients: ({ ops, g, a, b, wanted }) => [
      wanted[0] ? ops.mul(g, b) : undefined,
      wanted[1] ? ops.mul(g, a) : undefined,
    ],
  },
  div: {
    slopes: [(_a, b) => 1 / b, (a, b) => -a / (b * b)],
    ulps: 6,
    needsOperands: true,
    gradients({ ops, g, a, b, wanted }) {
      const ratio = ops.div(g, b);
      return [ratio, wanted[1] ? ops.neg(ops.div(ops.mul(ratio, a), b)) : undefined];
    },
  },
  maximum: {
    slopes: [(a, b) => (a >= b ? 1 : 0), (a, b) => (a >= b ? 0 : 1)],
    ulps: 0,
    needsOperands: true,
    gradients: ({ ops, g, a, b }) => split(ops, g, ops.sub(b, a)),
  },
  minimum: {
    slopes: [(a, b) => (a <= b ? 1 : 0), (a, b) => (a <= b ? 0 : 1)],
    ulps: 0,
    needsOperands: true,
    gradients: ({ ops, g, a, b }) => split(ops, g, ops.sub(a, b)),
  },
};

/** The whole gradient to the second operand where `lead` is positive, else to the first. */
function split(ops: Ops, g: Tensor, lead: Tensor): Operands<Tensor> {
  const second = ops.unaryGradient('relu', lead, g);
  return [ops.sub(g, second), second];
}

/** Both gradients on the shape of the result, in float64. */
function products({ slopes }: Row, inputs: Operands<NdArray>, { data, shape }: NdArray): NdArray[] {
  const [a, b] = [repeat(required(inputs, 0), shape), repeat(required(inputs, 1), shape)];
  return slopes.map((slope) => ({
    shape,
    data: data.map((g, i) => g * slope(a[i] ?? 0, b[i] ?? 0)),
  }));
}

/** How a function of two operands passes gradients back: each added up along the axes that its operand repeats. */
export function binaryVjp(name: BinaryFunction, samples: readonly Sample<None>[]): Vjp<None> {
  const row = rows[name];
  return {
    saves: row.needsOperands ? { inputs: [0, 1] } : {},

    run({ ops, inputs, specs, gradient: g, wanted }) {
      const [a = g, b = g] = inputs;
      return row
        .gradients({ ops, g, a, b, wanted })
        .map((each, i) => each && wanted[i] && sumTensorTo(ops, each, required(specs, i).shape))
        .map((each) => each || undefined);
    },

    reference: (inputs, _attributes, cotangent) =>
      products(row, inputs, cotangent).map((product, i) => sumTo(product, required(inputs, i).shape)),

    tolerance: (inputs, _attributes, cotangent) =>
      products(row, inputs, cotangent).map((product, i) => {
        const { shape } = required(inputs, i);
        const terms = product.data.length / elements(shape);
        return treeSumBound(terms, sumTo(absolute(product), shape).data, row.ulps);
      }),

    samples: name === 'div' ? samples.map(awayFromZero) : samples,
  };
}

/** Divisors of 1/2 to 2 and their negatives, where a step of 1e-6 is small. */
function awayFromZero(sample: Sample<None>): Sample<None> {
  const shape = sample.inputs[1] as readonly number[];
  const data = Float64Array.from({ length: elements(shape) }, (_, i) =>
    Math.fround((i % 3 === 1 ? -1 : 1) * (0.5 + 1.5 * ((i * 0.6180339887498949) % 1))),
  );
  return { ...sample, inputs: [sample.inputs[0], { shape, data }] };
}
