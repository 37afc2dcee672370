import { scatterAdd as record, ShapeError, scatterAddFamily } from '@lua-webgpu/kernels';
import { elements, requireDType, type Shape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required } from './define.ts';
import { checkIndex, eachTaken, gatherAxis, layoutOf, resized, rowsOf } from './gather-layout.ts';
import { absolute, reductionBound } from './tolerance.ts';

export interface ScatterAddAttributes {
  /** Negative ones count from the end. */
  readonly axis: number;
  /** Of the result along the axis. */
  readonly size: number;
}

/** An index in which some places come up several times, some never, and one lies outside. */
function index(shape: readonly number[], size: number): NdArray {
  const data = Float64Array.from({ length: elements(shape) }, (_, i) => (i === 2 ? size : (i * i) % size));
  return { shape, data };
}

export const scatterAddOp: OpDefinition<ScatterAddAttributes> = {
  name: 'scatterAdd',
  families: [scatterAddFamily.name],
  inputDTypes: ['f32', 'i32'],

  infer(inputs, { axis, size }) {
    const x = required(inputs, 0);
    const { shape, dtype } = required(inputs, 1);
    requireDType('scatterAdd', 'x', x.dtype, 'f32');
    const along = gatherAxis('scatterAdd', x.shape, axis);
    checkIndex('scatterAdd', x, { shape, dtype }, along);
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new ShapeError(
        'attribute-invalid',
        `scatterAdd: a size of ${size}`,
        'Pass a whole number from 0.',
      );
    }
    if (rowsOf(shape, along) !== x.shape[along]) {
      throw new ShapeError(
        'shape-mismatch',
        `scatterAdd: ${rowsOf(shape, along)} indices for ${x.shape[along]} along axis ${axis}`,
        'Pass an index for everything along the axis.',
      );
    }
    return { shape: resized(x.shape, along, size), dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const { buffer, shape } = required(inputs, 1);
    const layout = layoutOf(out.shape, shape, gatherAxis('scatterAdd', x.shape, attributes.axis));
    record(device, { x: x.buffer, index: buffer, out: out.buffer }, layout);
  },

  reference(inputs, { axis, size }) {
    const x = required(inputs, 0);
    const along = gatherAxis('scatterAdd', x.shape, axis);
    return scatterAddArray(x, required(inputs, 1), resized(x.shape, along, size), along);
  },

  samples: [
    { name: 'a list of rows', inputs: [[9, 12], index([9], 7)], attributes: { axis: 0, size: 7 } },
    { name: 'odd channels', inputs: [[2, 5, 3], index([5], 3)], attributes: { axis: 1, size: 3 } },
    { name: 'several workgroups', inputs: [[131, 20], index([131], 37)], attributes: { axis: 0, size: 37 } },
    { name: 'a vector', inputs: [[150], index([150], 11)], attributes: { axis: 0, size: 11 } },
    { name: 'into one row', inputs: [[40, 4], index([40], 1)], attributes: { axis: 0, size: 1 } },
    {
      name: 'element by element',
      inputs: [[4, 6, 8], index([4, 6, 8], 5)],
      attributes: { axis: 1, size: 5 },
    },
    { name: 'the outer axis', inputs: [[8, 2, 3], index([8, 2, 3], 6)], attributes: { axis: -3, size: 6 } },
    { name: 'nothing to add', inputs: [[0, 4], index([0], 1)], attributes: { axis: 0, size: 3 } },
    {
      name: 'into nothing',
      inputs: [[2, 4], { shape: [2], data: Float64Array.of(0, 5) }],
      attributes: { axis: 0, size: 0 },
    },
  ],

  refusals: [
    { code: 'shape-mismatch', inputs: [[3, 4], [2]], attributes: { axis: 0, size: 3 } },
    {
      code: 'shape-mismatch',
      inputs: [
        [3, 4],
        [3, 2],
      ],
      attributes: { axis: 0, size: 3 },
    },
    { code: 'attribute-invalid', inputs: [[3, 4], [3]], attributes: { axis: 0, size: -1 } },
    { code: 'attribute-invalid', inputs: [[3, 4], [3]], attributes: { axis: 0.5, size: 3 } },
    {
      code: 'dtype-mismatch',
      inputs: [[3, 4], [3]],
      dtypes: ['i32', 'i32'],
      attributes: { axis: 0, size: 3 },
    },
  ],

  tolerance(inputs, { axis, size }) {
    const x = required(inputs, 0);
    const along = gatherAxis('scatterAdd', x.shape, axis);
    const magnitudes = scatterAddArray(
      absolute(x),
      required(inputs, 1),
      resized(x.shape, along, size),
      along,
    );
    return reductionBound(x.shape[along] ?? 0, magnitudes);
  },

  vjp: firstOrder,
};

/** Float64 reference: the adjoint of taking from an array of the given shape. */
export function scatterAddArray(x: NdArray, list: NdArray, shape: Shape, along: number): NdArray {
  const data = new Float64Array(elements(shape));
  eachTaken(layoutOf(shape, list.shape, along), list, (row, place) => {
    if (place !== undefined) data[place] = (data[place] ?? 0) + (x.data[row] ?? Number.NaN);
  });
  return { shape, data };
}

/**
 * The gradient that `gather` passes back: zeros of x's shape but for `size` along `axis`, to which everything in x is
 * added at the place that its index names (as `torch.scatter_add`, with a list as `torch.index_add`). Indices as in
 * `gather`; what an index outside names is left out. Added up in a fixed order.
 * @throws ShapeError `attribute-invalid`, `shape-mismatch`, `dtype-mismatch`
 */
export function scatterAdd(x: Tensor, index: Tensor, options: { axis: number; size: number }): Tensor {
  return apply(scatterAddOp, [x, index], { axis: options.axis, size: options.size });
}
