import {
  pixelShuffleFamily,
  pixelShuffle as record,
  ShapeError,
  type ShuffleOrder,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';

export interface ShuffleAttributes {
  readonly factor: number;
  readonly order: ShuffleOrder;
}

export const pixelShuffleOp: OpDefinition<ShuffleAttributes> = {
  name: 'pixelShuffle',
  families: [pixelShuffleFamily.name],

  infer(inputs, attributes) {
    const x = required(inputs, 0);
    requireDType('pixelShuffle', 'x', x.dtype, 'f32');
    requireRank('pixelShuffle', 'x', x.shape, 4);
    checkFactor('pixelShuffle', attributes.factor);
    const [, , , packed = 0] = x.shape;
    if (packed % attributes.factor ** 2 !== 0) {
      throw new ShapeError(
        'shape-mismatch',
        `pixelShuffle: x ${formatShape(x.shape)} has ${packed} channels, not a multiple of ${attributes.factor}²`,
        'Pass x as [B, H, W, factor²·C].',
      );
    }
    return { shape: shuffledShape(x.shape, attributes.factor), dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0] = x.shape;
    const [, , , channels = 0] = out.shape;
    const shape = { direction: 'shuffle', batch, height, width, channels, ...attributes } as const;
    record(device, { x: x.buffer, out: out.buffer }, shape);
  },

  reference: (inputs, attributes) => shuffled(required(inputs, 0), attributes),

  samples: [
    { inputs: [[1, 5, 6, 240]], attributes: { factor: 2, order: 'block' } },
    { inputs: [[2, 5, 7, 12]], attributes: { factor: 2, order: 'torch' } },
    { inputs: [[2, 3, 4, 36]], attributes: { factor: 3, order: 'block' } },
    { inputs: [[2, 3, 4, 27]], attributes: { factor: 3, order: 'torch' } },
    { inputs: [[1, 3, 5, 64]], attributes: { factor: 4, order: 'block' } },
    { inputs: [[1, 3, 5, 48]], attributes: { factor: 4, order: 'torch' } },
    { name: 'odd channels in blocks', inputs: [[2, 3, 4, 12]], attributes: { factor: 2, order: 'block' } },
    { name: 'factor 5', inputs: [[1, 2, 3, 100]], attributes: { factor: 5, order: 'block' } },
    { name: 'factor 1', inputs: [[1, 2, 3, 4]], attributes: { factor: 1, order: 'torch' } },
    { name: 'no rows', inputs: [[1, 0, 3, 16]], attributes: { factor: 2, order: 'block' } },
    { name: 'no channels', inputs: [[1, 2, 3, 0]], attributes: { factor: 2, order: 'torch' } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[5, 6, 16]], attributes: { factor: 2, order: 'block' } },
    { code: 'shape-mismatch', inputs: [[1, 5, 6, 6]], attributes: { factor: 2, order: 'torch' } },
    { code: 'attribute-invalid', inputs: [[1, 5, 6, 16]], attributes: { factor: 0, order: 'torch' } },
    { code: 'attribute-invalid', inputs: [[1, 5, 6, 16]], attributes: { factor: 1.5, order: 'block' } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, gradient, attributes }) => [ops.pixelUnshuffle(gradient, attributes)],
    reference: (_inputs, attributes, cotangent) => [unshuffled(cotangent, attributes)],
    tolerance: () => [0],
  },
};

/** @throws ShapeError `attribute-invalid` */
export function checkFactor(op: string, factor: number): void {
  if (Number.isSafeInteger(factor) && factor >= 1) return;
  throw new ShapeError('attribute-invalid', `${op}: a factor of ${factor}`, 'Pass a whole number from 1.');
}

function shuffledShape([batch = 0, height = 0, width = 0, packed = 0]: Shape, factor: number): Shape {
  return [batch, height * factor, width * factor, packed / factor ** 2];
}

/** Float64 reference of `pixelShuffle`. */
export function shuffled(x: NdArray, attributes: ShuffleAttributes): NdArray {
  const shape = shuffledShape(x.shape, attributes.factor);
  const data = new Float64Array(x.data.length);
  eachPair(shape, attributes, (large, small) => {
    data[large] = x.data[small] ?? 0;
  });
  return { shape, data };
}

/** Float64 reference of `pixelUnshuffle`. */
export function unshuffled(x: NdArray, attributes: ShuffleAttributes): NdArray {
  const data = new Float64Array(x.data.length);
  eachPair(x.shape, attributes, (large, small) => {
    data[small] = x.data[large] ?? 0;
  });
  return { shape: unshuffledShape(x.shape, attributes.factor), data };
}

/** The shape that `pixelUnshuffle` gives. */
export function unshuffledShape(
  [batch = 0, height = 0, width = 0, channels = 0]: Shape,
  factor: number,
): Shape {
  return [batch, height / factor, width / factor, channels * factor ** 2];
}

/** Calls back with the flat index of each element of the large image [B, H·r, W·r, C] and its place in the small one. */
function eachPair(
  [batch = 0, largeHeight = 0, largeWidth = 0, channels = 0]: Shape,
  { factor, order }: ShuffleAttributes,
  pair: (large: number, small: number) => void,
): void {
  const width = largeWidth / factor;
  let large = 0;
  for (let row = 0; row < batch * largeHeight; row++) {
    for (let column = 0; column < largeWidth; column++) {
      const block = (row % factor) * factor + (column % factor);
      const pixel = Math.floor(row / factor) * width + Math.floor(column / factor);
      for (let c = 0; c < channels; c++) {
        const packed = order === 'block' ? block * channels + c : c * factor ** 2 + block;
        pair(large++, pixel * channels * factor ** 2 + packed);
      }
    }
  }
}

/**
 * x [B, H, W, r²·C] → [B, H·r, W·r, C] with r = `factor`. `order` tells where sub-pixel (i, j) of channel c lies among
 * the packed channels: `torch` (default) c·r² + i·r + j as PyTorch's PixelShuffle, `block` (i·r + j)·C + c, which is
 * faster and what packed model weights use.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function pixelShuffle(x: Tensor, options: { factor: number; order?: ShuffleOrder }): Tensor {
  return apply(pixelShuffleOp, [x], { factor: options.factor, order: options.order ?? 'torch' });
}
