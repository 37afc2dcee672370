import { upsampleNearest as record, ShapeError, upsampleNearestFamily } from '@lua-webgpu/kernels';
import { imageSizes, requireDType, requireRank, type Shape, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import { treeSumBound } from './reduction-error.ts';
import { absolute } from './tolerance.ts';

export interface UpsampleNearestAttributes {
  readonly factor: number;
}

export const upsampleNearest2dOp: OpDefinition<UpsampleNearestAttributes> = {
  name: 'upsampleNearest2d',
  families: [upsampleNearestFamily.name],

  infer(inputs, { factor }) {
    const x = required(inputs, 0);
    requireDType('upsampleNearest2d', 'x', x.dtype, 'f32');
    requireRank('upsampleNearest2d', 'x', x.shape, 4);
    if (!Number.isSafeInteger(factor) || factor < 1) {
      throw new ShapeError(
        'attribute-invalid',
        `upsampleNearest2d: a factor of ${factor}`,
        'Pass a whole number from 1.',
      );
    }
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    return { shape: [batch, height * factor, width * factor, channels], dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    record(device, { x: x.buffer, out: out.buffer }, { batch, height, width, channels, ...attributes });
  },

  reference(inputs, { factor }) {
    const { shape, data } = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = shape;
    const large = [batch, height * factor, width * factor, channels];
    const out = new Float64Array(data.length * factor * factor);
    for (let row = 0; row < batch * height * factor; row++) {
      for (let column = 0; column < width * factor; column++) {
        const from = (Math.floor(row / factor) * width + Math.floor(column / factor)) * channels;
        out.set(data.subarray(from, from + channels), (row * width * factor + column) * channels);
      }
    }
    return { shape: large, data: out };
  },

  samples: [
    { inputs: [[2, 5, 6, 8]], attributes: { factor: 2 } },
    { inputs: [[1, 7, 9, 4]], attributes: { factor: 2 } },
    { name: 'odd channels', inputs: [[2, 5, 6, 3]], attributes: { factor: 2 } },
    { name: 'factor 3', inputs: [[1, 4, 3, 12]], attributes: { factor: 3 } },
    { name: 'factor 1', inputs: [[1, 4, 3, 4]], attributes: { factor: 1 } },
    { name: 'one pixel', inputs: [[3, 1, 1, 1]], attributes: { factor: 4 } },
    { name: 'no rows', inputs: [[1, 0, 3, 4]], attributes: { factor: 2 } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[5, 6, 8]], attributes: { factor: 2 } },
    { code: 'attribute-invalid', inputs: [[1, 5, 6, 8]], attributes: { factor: 0 } },
    { code: 'attribute-invalid', inputs: [[1, 5, 6, 8]], attributes: { factor: 1.5 } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},

    run({ ops, specs, gradient, attributes: { factor } }) {
      const { shape } = required(specs, 0);
      const [batch, height, width, channels] = imageSizes(shape);
      if (factor === 1) return [gradient];
      const blocks = gradient.reshape([batch * height, factor, width, factor, channels]);
      return [ops.sum(blocks, { axes: [1, 3] }).reshape(shape)];
    },

    reference: (inputs, { factor }, cotangent) => [sumBlocks(cotangent, required(inputs, 0).shape, factor)],

    tolerance(inputs, { factor }, cotangent) {
      const magnitudes = sumBlocks(absolute(cotangent), required(inputs, 0).shape, factor);
      return [treeSumBound(factor ** 2, magnitudes.data)];
    },
  },
};

/** Sums over the blocks of factor × factor pixels, the adjoint of repeating them. */
function sumBlocks({ data }: NdArray, shape: Shape, factor: number): NdArray {
  const [batch = 0, height = 0, width = 0, channels = 0] = shape;
  const sums = new Float64Array(batch * height * width * channels);
  data.forEach((value, index) => {
    const channel = index % channels;
    const column = Math.floor(index / channels) % (width * factor);
    const row = Math.floor(index / channels / (width * factor));
    const at = (Math.floor(row / factor) * width + Math.floor(column / factor)) * channels + channel;
    sums[at] = (sums[at] ?? 0) + value;
  });
  return { shape, data: sums };
}

/**
 * x [B, H, W, C] → [B, factor·H, factor·W, C], every pixel repeated factor × factor times.
 * @throws ShapeError `shape-rank`, `attribute-invalid` unless the factor is a whole number from 1, `dtype-mismatch`
 */
export function upsampleNearest2d(x: Tensor, options: { factor: number }): Tensor {
  return apply(upsampleNearest2dOp, [x], options);
}
