import { gatherFamily, gather as record, ShapeError } from '@lua-webgpu/kernels';
import { elements, formatShape, joinScopes, requireDType, sameShape, sizeOf, Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, type Operands, required, type Sample } from './define.ts';
import { checkIndex, eachTaken, gatherAxis, layoutOf, resized, rowsOf } from './gather-layout.ts';
import { scatterAddArray } from './scatter-add.ts';
import { slice } from './slice.ts';
import { absolute, reductionBound } from './tolerance.ts';

export interface GatherAttributes {
  /** Negative ones count from the end. */
  readonly axis: number;
}

/** An index in which some places come up several times, some never. */
function index(shape: readonly number[], size: number): NdArray {
  return { shape, data: Float64Array.from({ length: elements(shape) }, (_, i) => (i * i + (i >> 2)) % size) };
}

const inside: readonly Sample<GatherAttributes>[] = [
  { name: 'a list of rows', inputs: [[7, 12], index([9], 7)], attributes: { axis: 0 } },
  { name: 'a list of pixels', inputs: [[2, 5, 3, 8], index([4], 5)], attributes: { axis: 1 } },
  { name: 'a list of channels', inputs: [[2, 3, 10], index([13], 10)], attributes: { axis: -1 } },
  { name: 'odd channels', inputs: [[2, 6, 5], index([3], 6)], attributes: { axis: 1 } },
  { name: 'several workgroups', inputs: [[37, 20], index([131], 37)], attributes: { axis: 0 } },
  { name: 'one row', inputs: [[5, 4], index([1], 5)], attributes: { axis: 0 } },
  { name: 'from one row', inputs: [[1, 4], index([6], 1)], attributes: { axis: 0 } },
  { name: 'a vector', inputs: [[11], index([17], 11)], attributes: { axis: 0 } },
  { name: 'element by element', inputs: [[4, 7, 8], index([4, 3, 8], 7)], attributes: { axis: 1 } },
  { name: 'one of each row', inputs: [[13, 5], index([13, 1], 5)], attributes: { axis: 1 } },
  { name: 'the outer axis', inputs: [[6, 2, 3], index([8, 2, 3], 6)], attributes: { axis: -3 } },
  { name: 'five axes', inputs: [[2, 3, 4, 2, 3], index([2, 3, 5, 2, 3], 4)], attributes: { axis: 2 } },
  { name: 'nothing', inputs: [[3, 4], index([0], 3)], attributes: { axis: 0 } },
  { name: 'nothing of nothing', inputs: [[0, 4], index([0], 1)], attributes: { axis: 0 } },
];

/** Bits of what an index outside gives: NaN, or an integer that is as unlikely. */
const nanBits = 0x7fc00000;
const allOnes = 0xffffffff;

export const gatherOp: OpDefinition<GatherAttributes> = {
  name: 'gather',
  families: [gatherFamily.name],
  inputDTypes: ['f32', 'i32'],

  infer(inputs, { axis }) {
    const x = required(inputs, 0);
    const { shape, dtype } = required(inputs, 1);
    requireDType('gather', 'x', x.dtype, 'f32', 'i32', 'u32');
    const along = gatherAxis('gather', x.shape, axis);
    checkIndex('gather', x, { shape, dtype }, along);
    const taken = resized(x.shape, along, rowsOf(shape, along));
    if (x.shape[along] === 0 && elements(taken) > 0) {
      throw new ShapeError(
        'shape-mismatch',
        `gather: ${formatShape(x.shape)} has nothing to take along axis ${axis}`,
        'Pass an axis with elements, or an empty index.',
      );
    }
    return { shape: taken, dtype: x.dtype };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const { buffer, shape } = required(inputs, 1);
    const layout = layoutOf(x.shape, shape, gatherAxis('gather', x.shape, attributes.axis));
    const fill = x.dtype === 'f32' ? nanBits : allOnes;
    record(device, { x: x.buffer, index: buffer, out: out.buffer }, { ...layout, fill });
  },

  reference(inputs, { axis }) {
    const x = required(inputs, 0);
    const list = required(inputs, 1);
    const along = gatherAxis('gather', x.shape, axis);
    const shape = resized(x.shape, along, rowsOf(list.shape, along));
    const data = new Float64Array(elements(shape)).fill(Number.NaN);
    eachTaken(layoutOf(x.shape, list.shape, along), list, (row, place) => {
      if (place !== undefined) data[row] = x.data[place] ?? Number.NaN;
    });
    return { shape, data };
  },

  samples: [
    ...inside,
    {
      name: 'outside',
      inputs: [[3, 4], { shape: [5], data: Float64Array.of(-1, 0, 3, 2, 2 ** 31 - 1) }],
      attributes: { axis: 0 },
    },
    {
      name: 'outside, element by element',
      inputs: [[2, 3], { shape: [2, 2], data: Float64Array.of(3, 2, -(2 ** 31), 0) }],
      attributes: { axis: 1 },
    },
  ],

  refusals: [
    {
      code: 'shape-mismatch',
      inputs: [
        [3, 4],
        [2, 2],
      ],
      attributes: { axis: 0 },
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [3, 4],
        [2, 4, 1],
      ],
      attributes: { axis: 0 },
    },
    { code: 'shape-mismatch', inputs: [[0, 4], [2]], attributes: { axis: 0 } },
    { code: 'attribute-invalid', inputs: [[3, 4], [2]], attributes: { axis: 2 } },
    { code: 'attribute-invalid', inputs: [[], [2]], attributes: { axis: 0 } },
    { code: 'dtype-mismatch', inputs: [[3, 4], [2]], dtypes: ['f32', 'f32'], attributes: { axis: 0 } },
    { code: 'dtype-mismatch', inputs: [[3, 4], [2]], dtypes: ['f16', 'i32'], attributes: { axis: 0 } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: { inputs: [1] },
    differentiable: [0],

    run({ ops, inputs, specs, gradient, attributes: { axis } }) {
      const { shape } = required(specs, 0);
      const size = sizeOf(shape, gatherAxis('gather', shape, axis));
      return [ops.scatterAdd(gradient, required(inputs, 1), { axis, size })];
    },

    reference: (inputs, attributes, cotangent) => [adjoint(inputs, attributes, cotangent)],

    tolerance(inputs, attributes, cotangent) {
      const terms = required(inputs, 1).data.length;
      return [reductionBound(terms, adjoint(inputs, attributes, absolute(cotangent)))];
    },

    samples: inside,
  },
};

/** What arrives at x, in float64. */
function adjoint(inputs: Operands<NdArray>, { axis }: GatherAttributes, cotangent: NdArray): NdArray {
  const { shape } = required(inputs, 0);
  return scatterAddArray(cotangent, required(inputs, 1), shape, gatherAxis('gather', shape, axis));
}

/**
 * What the index names along `axis`. A list [n] takes whole slices (`torch.index_select`): out[…, i, …] = x[…, list[i],
 * …]. An index of x's rank takes element by element (`torch.gather`): for axis 1, out[i, j, k] = x[i, index[i, j, k], k];
 * its other sizes are at most x's. Where x has one axis, both are the same. x is f32, i32 or u32.
 *
 * Indices count from 0. Those in an array are checked; those in a tensor (i32 or u32) are on the device, and one that
 * lies outside gives NaN, in an integer x all bits set, and passes no gradient on.
 * @throws ShapeError `attribute-invalid`, `shape-mismatch`, `dtype-mismatch`
 */
export function gather(x: Tensor, index: Tensor | readonly number[], options: { axis: number }): Tensor {
  const { axis } = options;
  const along = gatherAxis('gather', x.shape, axis);
  if (!(index instanceof Tensor)) {
    using list = joinScopes('gather', [x]).tensor(checked(index, x.shape[along] ?? 0), [index.length]);
    return apply(gatherOp, [x, list], { axis });
  }
  const sizes = x.shape.map((size, k) => (k === along ? size : Math.min(size, index.shape[k] ?? size)));
  if (index.shape.length !== x.shape.length || sameShape(sizes, x.shape)) {
    return apply(gatherOp, [x, index], { axis });
  }
  using part = slice(
    x,
    sizes.map(() => 0),
    sizes,
  );
  return apply(gatherOp, [part, index], { axis });
}

function checked(list: readonly number[], size: number): Int32Array {
  const wrong = list.findIndex((index) => !Number.isInteger(index) || index < 0 || index >= size);
  if (wrong === -1) return Int32Array.from(list);
  throw new ShapeError(
    'attribute-invalid',
    `gather: index[${wrong}] is ${list[wrong]}, which an axis of ${size} does not have`,
    'Indices are whole numbers from 0 to one less than the size of the axis.',
  );
}
