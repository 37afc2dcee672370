import { type FiniteQuestion, findNonFinite, finiteFamily } from '@lua-webgpu/kernels';
import { elements, requireDType, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required, type Sample } from './define.ts';

type None = Readonly<Record<string, never>>;

/** `count` finite numbers, with others in the given places. */
function withBad(shape: readonly number[], bad: Readonly<Record<number, number>>): NdArray {
  const values = [0, -1, 1e-40, 3.4e38, -3.4e38, 65504];
  return {
    shape,
    data: Float64Array.from({ length: elements(shape) }, (_, i) => bad[i] ?? values[i % 6] ?? 0),
  };
}

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const samples: readonly Sample<None>[] = [
  { inputs: [[2, 3, 4]], attributes: {} },
  { inputs: [withBad([8, 12], { 5: nan, 6: infinity, 90: -infinity })], attributes: {} },
  { name: 'odd count', inputs: [withBad([7, 11], { 76: nan, 12: infinity })], attributes: {} },
  { name: 'all', inputs: [withBad([4], { 0: nan, 1: nan, 2: infinity, 3: nan })], attributes: {} },
  { name: 'two passes', inputs: [withBad([3000, 4], { 11999: nan, 7001: nan })], attributes: {} },
  { name: 'two passes, odd', inputs: [withBad([2003], { 2002: infinity })], attributes: {} },
  { name: 'rank 0', inputs: [withBad([], { 0: nan })], attributes: {} },
  { name: 'empty', inputs: [[0, 4]], attributes: {} },
];

function defineFinite(
  name: string,
  question: FiniteQuestion,
  answer: (x: NdArray) => number,
): OpDefinition<None> {
  return {
    name,
    families: [finiteFamily.name],

    infer(inputs) {
      requireDType(name, 'x', required(inputs, 0).dtype, 'f32');
      return { shape: [1], dtype: 'u32' };
    },

    forward({ device, inputs, out }) {
      const x = required(inputs, 0);
      findNonFinite(device, { x: x.buffer, out: out.buffer }, { question, count: elements(x.shape) });
    },

    reference: (inputs) => ({ shape: [1], data: Float64Array.of(answer(required(inputs, 0))) }),
    samples,
    refusals: [{ code: 'dtype-mismatch', inputs: [[2]], dtypes: ['i32'], attributes: {} }],
    tolerance: () => 0,
    vjp: { none: 'a count of values does not follow their small changes' },
  };
}

export const countNonFiniteOp = defineFinite('countNonFinite', 'count', ({ data }) =>
  data.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0),
);

export const firstNonFiniteOp = defineFinite('firstNonFinite', 'first', ({ data }) => {
  const index = data.findIndex((value) => !Number.isFinite(value));
  return index === -1 ? 2 ** 32 - 1 : index;
});

/**
 * How many elements of an f32 tensor are NaN or infinite: a u32 tensor [1].
 * @throws ShapeError `dtype-mismatch`
 */
export const countNonFinite = (x: Tensor): Tensor => apply(countNonFiniteOp, [x], {});

/**
 * The row-major index of the first element of an f32 tensor that is NaN or infinite, 2³² − 1 where none is: a u32
 * tensor [1].
 * @throws ShapeError `dtype-mismatch`
 */
export const firstNonFinite = (x: Tensor): Tensor => apply(firstNonFiniteOp, [x], {});
