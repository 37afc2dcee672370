import { extremumGradientFamily, extremumGradient as record, ShapeError } from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required, type Sample } from './define.ts';

export interface ExtremumGradientAttributes {
  readonly reduction: 'max' | 'min';
}

const max: ExtremumGradientAttributes = { reduction: 'max' };
const min: ExtremumGradientAttributes = { reduction: 'min' };

/** Rows whose extrema occur many times. */
function tied(rows: number, terms: number): NdArray {
  return {
    shape: [rows, terms],
    data: Float64Array.from({ length: rows * terms }, (_, i) => (((i * 7919) % 101) % 5) - 2),
  };
}

const samplesOf = (attributes: ExtremumGradientAttributes): Sample<ExtremumGradientAttributes>[] => [
  { inputs: [[7, 12], [7]], attributes },
  { inputs: [[3, 500], [3]], attributes },
  { name: 'ties', inputs: [tied(9, 13), [9]], attributes },
  { name: 'ties in long rows', inputs: [tied(3, 1031), [3]], attributes },
  { name: 'one long row', inputs: [[1, 5003], [1]], attributes },
  { name: 'many rows', inputs: [[300, 3], [300]], attributes },
  { name: 'rows of one', inputs: [[5, 1], [5]], attributes },
  { name: 'no rows', inputs: [[0, 3], [0]], attributes },
];

export const extremumGradientOp: OpDefinition<ExtremumGradientAttributes> = {
  name: 'extremumGradient',
  families: [extremumGradientFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    for (const [name, { dtype }] of Object.entries({ x, gradient })) {
      requireDType('extremumGradient', name, dtype, 'f32');
    }
    requireRank('extremumGradient', 'x', x.shape, 2);
    if (gradient.shape.length !== 1 || gradient.shape[0] !== x.shape[0] || x.shape[1] === 0) {
      throw new ShapeError(
        'shape-mismatch',
        `extremumGradient: gradient ${formatShape(gradient.shape)} does not fit x ${formatShape(x.shape)}`,
        'Pass rows of at least one element, and a gradient for each row.',
      );
    }
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    const [rows = 0, terms = 0] = x.shape;
    record(
      device,
      { x: x.buffer, gradient: gradient.buffer, out: out.buffer },
      { rows, terms, ...attributes },
    );
  },

  reference(inputs, { reduction }) {
    const x = required(inputs, 0);
    const gradient = required(inputs, 1);
    const [rows = 0, terms = 0] = x.shape;
    const data = new Float64Array(rows * terms);
    for (let row = 0; row < rows; row++) {
      const values = x.data.subarray(row * terms, (row + 1) * terms);
      const extremum = values.reduce((a, b) => Math[reduction](a, b));
      data[row * terms + values.indexOf(extremum)] = gradient.data[row] ?? 0;
    }
    return { shape: x.shape, data };
  },

  samples: [...samplesOf(max), ...samplesOf(min)],

  refusals: [
    { code: 'shape-rank', inputs: [[4], [4]], attributes: max },
    { code: 'shape-mismatch', inputs: [[4, 3], [3]], attributes: max },
    {
      code: 'shape-mismatch',
      inputs: [
        [4, 3],
        [4, 1],
      ],
      attributes: max,
    },
    { code: 'shape-mismatch', inputs: [[4, 0], [4]], attributes: min },
    { code: 'dtype-mismatch', inputs: [[4, 3], [4]], dtypes: ['f32', 'i32'], attributes: max },
  ],

  tolerance: () => 0,
  vjp: firstOrder,
};

/**
 * What the maximum or minimum of every row of x [R, N] passes back: gradient [R] placed at the first extremal element
 * of each row, zeros elsewhere.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, AllocationError `binding-too-large` when 64 rows
 *   exceed a binding
 */
export function extremumGradient(x: Tensor, gradient: Tensor, reduction: 'max' | 'min'): Tensor {
  return apply(extremumGradientOp, [x, gradient], { reduction });
}
