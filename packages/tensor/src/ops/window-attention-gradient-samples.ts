import type { Refusal, Sample } from './define.ts';
import type { WindowAttentionAttributes } from './window-attention-shape.ts';

interface Problem extends WindowAttentionAttributes {
  readonly name: string;
  readonly images: number;
  readonly rows: number;
  readonly columns: number;
  readonly headDim: number;
}

/** Small enough for derivatives by differences: rows and columns count windows. */
const problems: readonly Problem[] = [
  problem('shifted', { rows: 1, columns: 2, headDim: 4, window: 8, shift: 4, heads: 2 }),
  problem('dimension 12', { headDim: 12, window: 8, shift: 4 }),
  problem('dimension 32', { headDim: 32, window: 4, rows: 2, shift: 2 }),
  problem('dimension 64', { headDim: 64, window: 4 }),
  problem('dimension 10', { headDim: 10, window: 4, columns: 2, shift: 1, heads: 2 }),
  problem('dimension 1', { headDim: 1, window: 4, heads: 3, shift: 2 }),
  problem('large scores', { headDim: 12, window: 4, rows: 2, columns: 2, shift: 2, scale: 20 }),
  problem('window 16', { headDim: 4, window: 16, shift: 8 }),
  problem('window 7', { headDim: 20, window: 7, rows: 2, shift: 3 }),
  problem('window 5', { headDim: 3, window: 5, images: 3, columns: 2, heads: 3 }),
  problem('window 2', { headDim: 8, window: 2, rows: 2, columns: 3, shift: 1 }),
  problem('window 1', { headDim: 4, window: 1, images: 2, columns: 3 }),
  problem('no images', { headDim: 4, window: 2, images: 0 }),
  problem('no channels', { headDim: 0, window: 2 }),
];

/**
 * For the gradient ops alone, since they would take long behind every variant of the forward: several tiles and strips of
 * tokens, images, windows of odd shapes, and each head dimension at which a written-out loop ends.
 */
const more: readonly Problem[] = [
  ...[16, 24, 28, 48].map((headDim) => problem(`dimension ${headDim}`, { headDim, window: 2, rows: 2 })),
  problem('images, shifted', { images: 2, rows: 2, headDim: 12, window: 8, shift: 3, heads: 2 }),
  problem('window 16, shifted', { columns: 2, headDim: 12, window: 16, shift: 5 }),
  problem('window 12', { columns: 2, headDim: 8, window: 12, shift: 5 }),
  problem('dimension 32, window 8', { headDim: 32, window: 8, rows: 2, shift: 4, heads: 2 }),
  problem('dimension 64, window 8', { headDim: 64, window: 8, shift: 1 }),
];

function problem(name: string, sizes: Pick<Problem, 'headDim' | 'window'> & Partial<Problem>): Problem {
  return { name, images: 1, rows: 1, columns: 1, heads: 1, shift: 0, scale: 0.4, ...sizes };
}

const shapes = ({ images, rows, columns, heads, headDim, window }: Problem) => {
  const pixels = [images, rows * window, columns * window];
  return {
    qkv: [...pixels, 3 * heads * headDim],
    table: [(2 * window - 1) ** 2, heads],
    gradient: [...pixels, heads * headDim],
    statistics: [...pixels, heads, 2],
  };
};
const attributes = ({ heads, window, shift, scale }: Problem) => ({ heads, window, shift, scale });

/** [qkv, table] for the vjp of `windowAttention`. */
export const vjpSamples: readonly Sample<WindowAttentionAttributes>[] = problems.map((each) => {
  const { qkv, table } = shapes(each);
  return { name: each.name, inputs: [qkv, table], attributes: attributes(each) };
});

/** More windows than one invocation of the table's gradient takes at a time, by pairs of tokens and by diagonals. */
const many = problem('several groups of windows', { headDim: 4, window: 8, heads: 64, columns: 5, shift: 3 });

/**
 * [qkv, table, gradient, statistics] of the gradient ops. The statistics are not those of qkv: what the ops compute of
 * them is defined for any, unless large scores meet a small sum.
 */
export const gradientSamples: readonly Sample<WindowAttentionAttributes>[] = [...problems, ...more, many]
  .filter(({ scale }) => scale < 1)
  .map(gradientSample);

function gradientSample(each: Problem): Sample<WindowAttentionAttributes> {
  const { qkv, table, gradient, statistics } = shapes(each);
  return { name: each.name, inputs: [qkv, table, gradient, statistics], attributes: attributes(each) };
}

const { qkv, table, gradient, statistics } = shapes(problem('fitting', { headDim: 4, window: 4 }));
const plain: WindowAttentionAttributes = { heads: 1, window: 4, shift: 0, scale: 0.5 };

export const gradientRefusals: readonly Refusal<WindowAttentionAttributes>[] = [
  { code: 'shape-mismatch', inputs: [qkv, table, qkv, statistics], attributes: plain },
  { code: 'shape-mismatch', inputs: [qkv, [48, 1], gradient, statistics], attributes: plain },
  {
    code: 'attribute-invalid',
    inputs: [qkv, table, gradient, statistics],
    attributes: { ...plain, shift: 4 },
  },
  { code: 'shape-mismatch', inputs: [qkv, table, gradient, gradient], attributes: plain },
];
