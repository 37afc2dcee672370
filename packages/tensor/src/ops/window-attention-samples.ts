import type { Refusal, Sample } from './define.ts';
import type { WindowAttentionAttributes } from './window-attention-shape.ts';

const small: WindowAttentionAttributes = { heads: 2, window: 8, shift: 0, scale: 12 ** -0.5 };
const shifted: WindowAttentionAttributes = { ...small, shift: 4 };

/** [qkv, table] of `windowAttention`. */
export const attentionSamples: readonly Sample<WindowAttentionAttributes>[] = [
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
  // A step of the written-out loops each that no other sample ends at.
  ...[16, 24, 28, 48].map((headDim) => ({
    name: `dimension ${headDim}`,
    inputs: [
      [1, 8, 4, 3 * headDim],
      [49, 1],
    ],
    attributes: { heads: 1, window: 4, shift: 2, scale: headDim ** -0.5 },
  })),
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
  // Powers of two of the differences are beyond f32: each has to be taken from the largest score of all.
  {
    name: 'scores that differ by hundreds',
    inputs: [
      [1, 8, 16, 72],
      [225, 2],
    ],
    attributes: { ...shifted, scale: 200 },
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
];

export const attentionRefusals: readonly Refusal<WindowAttentionAttributes>[] = [
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
];
