import {
  pixelShuffleFamily,
  pixelShuffle as record,
  ShapeError,
  type ShuffleOrder,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';
import {
  checkFactor,
  type ShuffleAttributes,
  shuffled,
  unshuffled,
  unshuffledShape,
} from './pixel-shuffle.ts';

export const pixelUnshuffleOp: OpDefinition<ShuffleAttributes> = {
  name: 'pixelUnshuffle',
  families: [pixelShuffleFamily.name],

  infer(inputs, { factor }) {
    const x = required(inputs, 0);
    requireDType('pixelUnshuffle', 'x', x.dtype, 'f32');
    requireRank('pixelUnshuffle', 'x', x.shape, 4);
    checkFactor('pixelUnshuffle', factor);
    const [, height = 0, width = 0] = x.shape;
    if (height % factor !== 0 || width % factor !== 0) {
      throw new ShapeError(
        'shape-mismatch',
        `pixelUnshuffle: x ${formatShape(x.shape)} has ${height} × ${width} pixels, not multiples of ${factor}`,
        'Pad or crop x to a multiple of the factor first.',
      );
    }
    return { shape: unshuffledShape(x.shape, factor), dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [, , , channels = 0] = x.shape;
    const [batch = 0, height = 0, width = 0] = out.shape;
    const shape = { direction: 'unshuffle', batch, height, width, channels, ...attributes } as const;
    record(device, { x: x.buffer, out: out.buffer }, shape);
  },

  reference: (inputs, attributes) => unshuffled(required(inputs, 0), attributes),

  samples: [
    { inputs: [[1, 10, 12, 60]], attributes: { factor: 2, order: 'block' } },
    { inputs: [[2, 10, 14, 3]], attributes: { factor: 2, order: 'torch' } },
    { inputs: [[2, 9, 12, 4]], attributes: { factor: 3, order: 'block' } },
    { inputs: [[2, 9, 12, 3]], attributes: { factor: 3, order: 'torch' } },
    { inputs: [[1, 12, 20, 4]], attributes: { factor: 4, order: 'block' } },
    { inputs: [[1, 12, 20, 3]], attributes: { factor: 4, order: 'torch' } },
    { name: 'odd channels in blocks', inputs: [[2, 6, 8, 3]], attributes: { factor: 2, order: 'block' } },
    { name: 'factor 5', inputs: [[1, 10, 15, 4]], attributes: { factor: 5, order: 'block' } },
    { name: 'no rows', inputs: [[1, 0, 6, 4]], attributes: { factor: 2, order: 'block' } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[6, 6, 4]], attributes: { factor: 2, order: 'block' } },
    { code: 'shape-mismatch', inputs: [[1, 5, 6, 4]], attributes: { factor: 2, order: 'torch' } },
    { code: 'shape-mismatch', inputs: [[1, 6, 5, 4]], attributes: { factor: 2, order: 'torch' } },
    { code: 'attribute-invalid', inputs: [[1, 6, 6, 4]], attributes: { factor: -2, order: 'torch' } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, gradient, attributes }) => [ops.pixelShuffle(gradient, attributes)],
    reference: (_inputs, attributes, cotangent) => [shuffled(cotangent, attributes)],
    tolerance: () => [0],
  },
};

/**
 * The inverse of `pixelShuffle`: x [B, H·r, W·r, C] → [B, H, W, r²·C] with r = `factor`, packed channels in `order`
 * (default `torch`).
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function pixelUnshuffle(x: Tensor, options: { factor: number; order?: ShuffleOrder }): Tensor {
  return apply(pixelUnshuffleOp, [x], { factor: options.factor, order: options.order ?? 'torch' });
}
