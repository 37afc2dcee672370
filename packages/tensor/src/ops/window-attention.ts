import {
  maxAttentionWindow,
  windowAttention as record,
  ShapeError,
  type WindowAttentionShape,
  windowAttentionFamily,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, type Operands, required } from './define.ts';
import { epsilon } from './tolerance.ts';

export interface WindowAttentionAttributes {
  readonly heads: number;
  /** Side of a window in pixels, 1 to 16. */
  readonly window: number;
  /** Pixels by which the image is rolled towards the top left before it is cut into windows; 0 for none. */
  readonly shift: number;
  /** What q is multiplied by: (true head dimension)^−½. */
  readonly scale: number;
}

const small: WindowAttentionAttributes = { heads: 2, window: 8, shift: 0, scale: 12 ** -0.5 };
const shifted: WindowAttentionAttributes = { ...small, shift: 4 };

export const windowAttentionOp: OpDefinition<WindowAttentionAttributes> = {
  name: 'windowAttention',
  families: [windowAttentionFamily.name],

  infer(inputs, attributes) {
    const [qkv, table] = [required(inputs, 0), required(inputs, 1)];
    requireDType('windowAttention', 'qkv', qkv.dtype, 'f32');
    requireDType('windowAttention', 'table', table.dtype, 'f32');
    requireRank('windowAttention', 'qkv', qkv.shape, 4);
    requireRank('windowAttention', 'table', table.shape, 2);
    checkAttributes(attributes);
    const { heads, window } = attributes;
    const [batch = 0, height = 0, width = 0, channels = 0] = qkv.shape;
    if (channels % (3 * heads) !== 0) {
      throw new ShapeError(
        'shape-mismatch',
        `windowAttention: the ${channels} channels of qkv ${formatShape(qkv.shape)} are not q, k and v of ${heads} heads`,
        `Pass a multiple of ${3 * heads} channels.`,
      );
    }
    if (height % window !== 0 || width % window !== 0) {
      throw new ShapeError(
        'shape-mismatch',
        `windowAttention: qkv ${formatShape(qkv.shape)} does not divide into windows of ${window}×${window}`,
        'Pad height and width to multiples of the window with pad2d.',
      );
    }
    const entries = (2 * window - 1) ** 2;
    if (table.shape[0] !== entries || table.shape[1] !== heads) {
      throw new ShapeError(
        'shape-mismatch',
        `windowAttention: table ${formatShape(table.shape)} does not fit ${heads} heads and windows of ${window}`,
        `Pass a table of shape [${entries}, ${heads}].`,
      );
    }
    return { shape: [batch, height, width, channels / 3], dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const [qkv, table] = [required(inputs, 0), required(inputs, 1)];
    const buffers = { qkv: qkv.buffer, table: table.buffer, out: out.buffer };
    record(device, buffers, sizes(qkv.shape, attributes));
  },

  reference(inputs, attributes) {
    const shape = sizes(required(inputs, 0).shape, attributes);
    const result = emptyResult(shape);
    eachQuery(inputs, shape, ({ out, keys, weights, value }) => {
      for (let d = 0; d < shape.headDim; d++) {
        result.data[out + d] = keys.reduce((sum, key, j) => sum + (weights[j] ?? 0) * value(key, d), 0);
      }
    });
    return result;
  },

  samples: [
    {
      inputs: [
        [1, 16, 16, 72],
        [225, 2],
      ],
      attributes: small,
    },
    {
      inputs: [
        [2, 16, 24, 72],
        [225, 2],
      ],
      attributes: shifted,
    },
    {
      name: 'one window, shifted',
      inputs: [
        [1, 8, 8, 72],
        [225, 2],
      ],
      attributes: shifted,
    },
    {
      name: 'dimension 32',
      inputs: [
        [1, 8, 16, 96],
        [225, 1],
      ],
      attributes: { ...shifted, heads: 1 },
    },
    {
      name: 'dimension 64',
      inputs: [
        [1, 8, 8, 192],
        [225, 1],
      ],
      attributes: { ...small, heads: 1 },
    },
    {
      name: 'dimension 10',
      inputs: [
        [1, 8, 16, 90],
        [225, 3],
      ],
      attributes: { ...shifted, heads: 3 },
    },
    {
      name: 'dimension 1',
      inputs: [
        [1, 8, 8, 6],
        [225, 2],
      ],
      attributes: shifted,
    },
    {
      name: 'large scores',
      inputs: [
        [1, 8, 16, 72],
        [225, 2],
      ],
      attributes: { ...shifted, scale: 20 },
    },
    {
      name: 'window 16',
      inputs: [
        [1, 32, 16, 36],
        [961, 1],
      ],
      attributes: { heads: 1, window: 16, shift: 8, scale: 0.3 },
    },
    {
      name: 'window 12',
      inputs: [
        [1, 12, 24, 24],
        [529, 2],
      ],
      attributes: { heads: 2, window: 12, shift: 5, scale: 0.5 },
    },
    {
      name: 'window 7, dimension 20',
      inputs: [
        [1, 14, 7, 120],
        [169, 2],
      ],
      attributes: { heads: 2, window: 7, shift: 3, scale: 0.25 },
    },
    {
      name: 'window 5',
      inputs: [
        [3, 5, 10, 36],
        [81, 3],
      ],
      attributes: { heads: 3, window: 5, shift: 0, scale: 0.5 },
    },
    {
      name: 'window 2',
      inputs: [
        [1, 4, 6, 24],
        [9, 1],
      ],
      attributes: { heads: 1, window: 2, shift: 1, scale: 0.35 },
    },
    {
      name: 'window 1 gives v',
      inputs: [
        [2, 1, 3, 12],
        [1, 1],
      ],
      attributes: { heads: 1, window: 1, shift: 0, scale: 0.5 },
    },
    {
      name: 'no images',
      inputs: [
        [0, 8, 8, 72],
        [225, 2],
      ],
      attributes: small,
    },
    {
      name: 'no rows',
      inputs: [
        [1, 0, 8, 72],
        [225, 2],
      ],
      attributes: shifted,
    },
    {
      name: 'no channels',
      inputs: [
        [1, 8, 8, 0],
        [225, 2],
      ],
      attributes: small,
    },
  ],

  refusals: [
    {
      code: 'shape-rank',
      inputs: [
        [16, 16, 72],
        [225, 2],
      ],
      attributes: small,
    },
    { code: 'shape-rank', inputs: [[1, 16, 16, 72], [450]], attributes: small },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 16, 16, 70],
        [225, 2],
      ],
      attributes: small,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 15, 16, 72],
        [225, 2],
      ],
      attributes: small,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 16, 12, 72],
        [225, 2],
      ],
      attributes: small,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 16, 16, 72],
        [225, 3],
      ],
      attributes: small,
    },
    {
      code: 'shape-mismatch',
      inputs: [
        [1, 16, 16, 72],
        [169, 2],
      ],
      attributes: small,
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [1, 16, 16, 72],
        [225, 2],
      ],
      attributes: { ...small, heads: 0 },
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [1, 17, 17, 72],
        [1089, 2],
      ],
      attributes: { ...small, window: 17 },
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [1, 16, 16, 72],
        [225, 2],
      ],
      attributes: { ...small, shift: 8 },
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [1, 16, 16, 72],
        [225, 2],
      ],
      attributes: { ...small, shift: -4 },
    },
    {
      code: 'attribute-invalid',
      inputs: [
        [1, 16, 16, 72],
        [225, 2],
      ],
      attributes: { ...small, scale: Infinity },
    },
  ],

  tolerance(inputs, attributes) {
    const shape = sizes(required(inputs, 0).shape, attributes);
    const bound = emptyResult(shape).data;
    const sumError = 4 * epsilon * shape.window;
    eachQuery(inputs, shape, ({ out, keys, weights, scores, magnitudes, value }) => {
      // A weight's relative error is the absolute error of its score and of the largest one, and that of the
      // exponential (WGSL: 3 + 2|x| units in the last place).
      const largest = Math.max(...scores);
      const dotError = 4 * epsilon * Math.sqrt(shape.headDim + 2);
      const largestError = dotError * Math.max(...magnitudes);
      const errors = scores.map(
        (score, j) =>
          dotError * (magnitudes[j] ?? 0) + largestError + 2 * epsilon * (3 + 4 * (largest - score)),
      );
      const shareError = errors.reduce((sum, error, j) => sum + (weights[j] ?? 0) * error, sumError);
      for (let d = 0; d < shape.headDim; d++) {
        bound[out + d] = keys.reduce((sum, key, j) => {
          const part = (weights[j] ?? 0) * Math.abs(value(key, d));
          return sum + part * ((errors[j] ?? 0) + shareError + sumError);
        }, 0);
      }
    });
    return bound;
  },
};

function checkAttributes({ heads, window, shift, scale }: WindowAttentionAttributes): void {
  const refuse = (what: string, fix: string): never => {
    throw new ShapeError('attribute-invalid', `windowAttention: ${what}`, fix);
  };
  if (!Number.isSafeInteger(heads) || heads < 1) refuse(`${heads} heads`, 'Pass a whole number from 1.');
  if (!Number.isSafeInteger(window) || window < 1 || window > maxAttentionWindow) {
    refuse(`a window of ${window}`, `Pass a whole number from 1 to ${maxAttentionWindow}.`);
  }
  if (!Number.isSafeInteger(shift) || shift < 0 || shift >= window) {
    refuse(
      `a shift of ${shift} with windows of ${window}`,
      'Pass a whole number from 0 that is below the window.',
    );
  }
  if (!Number.isFinite(scale)) refuse(`a scale of ${scale}`, 'Pass (head dimension)^−½.');
}

function sizes(qkv: Shape, attributes: WindowAttentionAttributes): WindowAttentionShape {
  const [images = 0, height = 0, width = 0, channels = 0] = qkv;
  return { images, height, width, headDim: channels / (3 * attributes.heads), ...attributes };
}

function emptyResult({ images, height, width, heads, headDim }: WindowAttentionShape): NdArray {
  const shape = [images, height, width, heads * headDim];
  return { shape, data: new Float64Array(images * height * width * heads * headDim) };
}

interface Query {
  /** Index of the query's first value in the result. */
  readonly out: number;
  /** Pixels of the keys, numbered through all images. */
  readonly keys: readonly number[];
  /** Before the softmax. */
  readonly scores: readonly number[];
  /** What the absolute values of the terms of each score add up to. */
  readonly magnitudes: readonly number[];
  /** After the softmax. */
  readonly weights: readonly number[];
  value(key: number, d: number): number;
}

/** As PyTorch code would: rolls the image, cuts it into windows, compares the regions of an image mask. */
function eachQuery(
  inputs: Operands<NdArray>,
  shape: WindowAttentionShape,
  visit: (query: Query) => void,
): void {
  const { images, height, width, heads, headDim, window, shift, scale } = shape;
  const [qkv, table] = [required(inputs, 0).data, required(inputs, 1).data];
  const at = (pixel: number, part: number, head: number) => ((pixel * 3 + part) * heads + head) * headDim;
  const region = (y: number, size: number) => (y < size - window ? 0 : y < size - shift ? 1 : 2);
  for (const [image, top, left, head] of product(images, height / window, width / window, heads)) {
    const tokens = product(window, window).map(([y = 0, x = 0]) => {
      const [rolledY, rolledX] = [(top ?? 0) * window + y, (left ?? 0) * window + x];
      const row = (image ?? 0) * height + ((rolledY + shift) % height);
      const pixel = row * width + ((rolledX + shift) % width);
      return { y, x, pixel, region: shift > 0 ? 3 * region(rolledY, height) + region(rolledX, width) : 0 };
    });
    const keys = tokens.map(({ pixel }) => pixel);
    for (const query of tokens) {
      const terms = tokens.map((key) => {
        const [dy, dx] = [query.y - key.y + window - 1, query.x - key.x + window - 1];
        const bias = table[(dy * (2 * window - 1) + dx) * heads + (head ?? 0)] ?? 0;
        const mask = query.region === key.region ? 0 : -100;
        let [score, magnitude] = [bias + mask, Math.abs(bias) - mask];
        for (let d = 0; d < headDim; d++) {
          const q = qkv[at(query.pixel, 0, head ?? 0) + d] ?? 0;
          const k = qkv[at(key.pixel, 1, head ?? 0) + d] ?? 0;
          score += scale * q * k;
          magnitude += Math.abs(scale * q * k);
        }
        return { score, magnitude };
      });
      const scores = terms.map(({ score }) => score);
      const largest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - largest));
      const total = powers.reduce((sum, power) => sum + power, 0);
      visit({
        out: (query.pixel * heads + (head ?? 0)) * headDim,
        keys,
        scores,
        magnitudes: terms.map(({ magnitude }) => magnitude),
        weights: powers.map((power) => power / total),
        value: (key, d) => qkv[at(key, 2, head ?? 0) + d] ?? 0,
      });
    }
  }
}

/** Every combination of 0 ≤ i < size, the last running fastest. */
function product(...sizes: number[]): number[][] {
  return sizes.reduce<number[][]>(
    (rows, size) => rows.flatMap((row) => Array.from({ length: size }, (_, i) => [...row, i])),
    [[]],
  );
}

/**
 * Multi-head attention inside the windows of an image, with relative position bias and cyclic shift, as in SwinIR
 * (Liang et al. 2021; shifted windows: Liu et al. 2021).
 *
 * qkv [B, H, W, 3·heads·d], channel (part·heads + head)·d + i with part 0 q, 1 k, 2 v; table [(2·window − 1)², heads];
 * result [B, H, W, heads·d]. The image is rolled by −shift, cut into windows, and per window and head
 * softmax(scale · q kᵀ + bias + mask) v is written back where q was read; bias of query i on key j is the table's row
 * (yi − yj + window − 1)(2·window − 1) + xi − xj + window − 1, mask is −100 between tokens of different regions of
 * SwinIR's image mask where shift > 0. H and W are multiples of the window.
 * @throws ShapeError `shape-mismatch`, `shape-rank`, `dtype-mismatch`, `attribute-invalid`
 */
export function windowAttention(qkv: Tensor, table: Tensor, attributes: WindowAttentionAttributes): Tensor {
  return apply(windowAttentionOp, [qkv, table], attributes);
}
