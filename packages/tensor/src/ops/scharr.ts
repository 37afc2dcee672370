import { scharr as record, scharrFamily } from '@lua-webgpu/kernels';
import { requireDType, requireRank, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import { absolute, reductionBound } from './tolerance.ts';

const acrossColumns = [
  [-3, 0, 3],
  [-10, 0, 10],
  [-3, 0, 3],
];
const alongRows = acrossColumns.map((_, column) => acrossColumns.map((row) => row[column] ?? 0));

export const scharrOp: OpDefinition<object> = {
  name: 'scharr',
  families: [scharrFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    requireDType('scharr', 'x', x.dtype, 'f32');
    requireRank('scharr', 'x', x.shape, 4);
    return { shape: [2, ...x.shape], dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    record(device, { x: x.buffer, out: out.buffer }, { batch, height, width, channels });
  },

  reference: (inputs) => correlate(required(inputs, 0), [acrossColumns, alongRows]),

  samples: [
    { inputs: [[2, 9, 14, 4]], attributes: {} },
    { name: 'one channel', inputs: [[2, 8, 13, 1]], attributes: {} },
    { name: 'RGB', inputs: [[1, 5, 7, 3]], attributes: {} },
    { name: 'one pixel', inputs: [[1, 1, 1, 4]], attributes: {} },
    { name: 'one row', inputs: [[1, 1, 6, 1]], attributes: {} },
    { name: 'one column', inputs: [[2, 5, 1, 8]], attributes: {} },
    { name: 'empty', inputs: [[0, 5, 1, 8]], attributes: {} },
  ],

  refusals: [{ code: 'shape-rank', inputs: [[5, 6, 8]], attributes: {} }],

  tolerance(inputs) {
    const magnitudes = [acrossColumns, alongRows].map((rows) => rows.map((row) => row.map(Math.abs)));
    return reductionBound(6, correlate(absolute(required(inputs, 0)), magnitudes));
  },
};

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
  return apply(scharrOp, [x], {});
}
