import {
  scharr as record,
  scharrTransposed as recordTransposed,
  ShapeError,
  scharrFamily,
  scharrTransposedFamily,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import { absolute, reductionBound } from './tolerance.ts';

const acrossColumns = [
  [-3, 0, 3],
  [-10, 0, 10],
  [-3, 0, 3],
];
const alongRows = acrossColumns.map((_, column) => acrossColumns.map((row) => row[column] ?? 0));

export interface ScharrAttributes {
  /** The transpose, [2, B, H, W, C] → [B, H, W, C]: the way of a gradient. */
  readonly transposed: boolean;
}

const plain: ScharrAttributes = { transposed: false };
const turned: ScharrAttributes = { transposed: true };

export const scharrOp: OpDefinition<ScharrAttributes> = {
  name: 'scharr',
  families: [scharrFamily.name, scharrTransposedFamily.name],

  infer(inputs, { transposed }) {
    const x = required(inputs, 0);
    requireDType('scharr', 'x', x.dtype, 'f32');
    requireRank('scharr', 'x', x.shape, transposed ? 5 : 4);
    if (!transposed) return { shape: [2, ...x.shape], dtype: 'f32' };
    if (x.shape[0] === 2) return { shape: x.shape.slice(1), dtype: 'f32' };
    throw new ShapeError(
      'shape-mismatch',
      `scharr: the transpose got ${formatShape(x.shape)}, [2, B, H, W, C] is needed`,
      'Stack the gradients of both directions in front.',
    );
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape.slice(-4);
    const run = attributes.transposed ? recordTransposed : record;
    run(device, { x: x.buffer, out: out.buffer }, { batch, height, width, channels });
  },

  reference: (inputs, attributes) => scharrReference(required(inputs, 0), attributes),

  samples: [
    { inputs: [[2, 9, 14, 4]], attributes: plain },
    { name: 'one channel', inputs: [[2, 8, 13, 1]], attributes: plain },
    { name: 'RGB', inputs: [[1, 5, 7, 3]], attributes: plain },
    { name: 'one pixel', inputs: [[1, 1, 1, 4]], attributes: plain },
    { name: 'one row', inputs: [[1, 1, 6, 1]], attributes: plain },
    { name: 'one column', inputs: [[2, 5, 1, 8]], attributes: plain },
    { name: 'empty', inputs: [[0, 5, 1, 8]], attributes: plain },
    { name: 'transposed', inputs: [[2, 2, 9, 14, 4]], attributes: turned },
    { name: 'transposed, RGB', inputs: [[2, 1, 5, 7, 3]], attributes: turned },
    { name: 'transposed, one row', inputs: [[2, 1, 1, 6, 1]], attributes: turned },
    { name: 'transposed, one pixel', inputs: [[2, 1, 1, 1, 4]], attributes: turned },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[5, 6, 8]], attributes: plain },
    { code: 'shape-rank', inputs: [[1, 5, 6, 8]], attributes: turned },
    { code: 'shape-mismatch', inputs: [[3, 1, 5, 6, 8]], attributes: turned },
  ],

  tolerance: (inputs, attributes) => bound(required(inputs, 0), attributes),

  vjp: {
    saves: {},
    run: ({ gradient, attributes }) => [apply(scharrOp, [gradient], back(attributes))],
    reference: (_inputs, attributes, cotangent) => [scharrReference(cotangent, back(attributes))],
    tolerance: (_inputs, attributes, cotangent) => [bound(cotangent, back(attributes))],
  },
};

const back = ({ transposed }: ScharrAttributes) => (transposed ? plain : turned);

function bound(x: NdArray, attributes: ScharrAttributes): Float64Array {
  const magnitudes = scharrReference(absolute(x), attributes, Math.abs);
  return reductionBound(attributes.transposed ? 12 : 6, magnitudes);
}

/** Both correlations, or the sum of the transposed ones. */
function scharrReference(
  x: NdArray,
  { transposed }: ScharrAttributes,
  of: (weight: number) => number = (weight) => weight,
): NdArray {
  const kernels = [acrossColumns, alongRows].map((rows) => rows.map((row) => row.map(of)));
  if (!transposed) return correlate(x, kernels);
  const shape = x.shape.slice(1);
  const plane = x.data.length / 2;
  const sums = new Float64Array(plane);
  for (const [index, rows] of kernels.entries()) {
    const mirrored = rows.map((row) => [...row].reverse()).reverse();
    const data = x.data.subarray(index * plane, (index + 1) * plane);
    for (const [i, value] of correlate({ shape, data }, [mirrored]).data.entries()) {
      sums[i] = (sums[i] ?? 0) + value;
    }
  }
  return { shape, data: sums };
}

/** Float64 correlation of each channel with 3×3 kernels, zeros outside; results stacked in front. */
function correlate(x: NdArray, kernels: readonly (readonly (readonly number[])[])[]): NdArray {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  const plane = batch * height * width * channels;
  const data = new Float64Array(kernels.length * plane);
  for (const [index, kernel] of kernels.entries()) {
    for (let row = 0; row < batch * height; row++) {
      for (const [dy, weights] of kernel.entries()) {
        const y = (row % height) + dy - 1;
        if (y < 0 || y >= height) continue;
        for (let column = 0; column < width; column++) {
          for (const [dx, weight] of weights.entries()) {
            const at = column + dx - 1;
            if (at < 0 || at >= width) continue;
            const to = index * plane + (row * width + column) * channels;
            const source = ((row + dy - 1) * width + at) * channels;
            for (let c = 0; c < channels; c++)
              data[to + c] = (data[to + c] ?? 0) + weight * (x.data[source + c] ?? 0);
          }
        }
      }
    }
  }
  return { shape: [kernels.length, ...x.shape], data };
}

/**
 * x [B, H, W, C] → [2, B, H, W, C]: the gradients along x and along y by the 3×3 Scharr operator
 * [-3 0 3; -10 0 10; -3 0 3] and its transpose, zeros outside the image, not normalised (EAGLE, Sun et al. 2025).
 * @throws ShapeError `shape-rank`, `dtype-mismatch`
 */
export function scharr(x: Tensor): Tensor {
  return apply(scharrOp, [x], plain);
}
