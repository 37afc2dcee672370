import { type Mutation, placeOf } from './mutation.ts';

/** A mutation that no test can see, and why. The line's text finds it again when lines move. */
export interface Equivalent {
  readonly file: string;
  /** The line without the spaces around it. */
  readonly text: string;
  /** Where in the line the token stands, from 0. */
  readonly at: number;
  readonly token: string;
  readonly replacement: string;
  readonly reason: string;
}

export const equivalents: readonly Equivalent[] = [
  {
    file: 'packages/kernels/src/elementwise/unary.wgsl',
    text: 'let i = min(index, params.count - 1u);',
    at: 32,
    token: '-',
    replacement: '+',
    reason:
      'Dawn holds the load and the store past the end at the last element: the same bits for the same place',
  },
  {
    file: 'packages/kernels/src/elementwise/unary.wgsl',
    text: 'let i = min(index, params.count - 1u);',
    at: 34,
    token: '1u',
    replacement: '0u',
    reason:
      'Dawn holds the load and the store past the end at the last element: the same bits for the same place',
  },
  {
    file: 'packages/kernels/src/elementwise/binary-strided.wgsl',
    text: 'if (params.rank > 3u) { walk = along(walk, 2u, params.size2); }',
    at: 16,
    token: '>',
    replacement: '>=',
    reason:
      'of the outermost axis, which has no other behind it, the step leaves a rest of 0 to the line that would add the same',
  },
  {
    file: 'packages/kernels/src/elementwise/binary-strided.wgsl',
    text: 'if (params.rank > 4u) { walk = along(walk, 3u, params.size3); }',
    at: 18,
    token: '4u',
    replacement: '3u',
    reason:
      'of the outermost axis, which has no other behind it, the step leaves a rest of 0 to the line that would add the same',
  },
  {
    file: 'packages/kernels/src/elementwise/binary-strided.wgsl',
    text: 'if (params.rank > 2u) { walk = along(walk, 1u, params.size1); }',
    at: 18,
    token: '2u',
    replacement: '1u',
    reason:
      'of the outermost axis, which has no other behind it, the step leaves a rest of 0 to the line that would add the same',
  },
  {
    file: 'packages/kernels/src/elementwise/unary-functions.wgsl',
    text: 'case 8u: { return select(x, a * x, x < vec4f(0.0)); }',
    at: 37,
    token: '<',
    replacement: '<=',
    reason: 'at 0 both sides are 0',
  },
  {
    file: 'packages/kernels/src/conv2d-weight-gradient/subgroup.wgsl',
    text: 'let g1 = gradient[gradient_at + min(i + 1u, strip.count - 1u) * params.cout4];',
    at: 56,
    token: '-',
    replacement: '+',
    reason: 'past the end of a strip it is multiplied by 0, and selected away from the sum for the bias',
  },
  {
    file: 'packages/kernels/src/fft2d/line.wgsl',
    text: 'if (radix > 2u) {',
    at: 12,
    token: '2u',
    replacement: '1u',
    reason: 'for radix 2 it fetches what nothing reads',
  },
  {
    file: 'packages/kernels/src/gather/links.wgsl',
    text: 'while (row < params.rows && index[list + row * params.index_row] != wanted) {',
    at: 11,
    token: '<',
    replacement: '<=',
    reason: 'rows + 1 ends a list as rows does: scatter-add.wgsl goes on while the row is below rows',
  },
  {
    file: 'packages/kernels/src/window-attention-backward/table-gather-diagonals.wgsl',
    text: 'let strips = window / 8u;',
    at: 22,
    token: '8u',
    replacement: '7u',
    reason: 'for every window from 8 to 48 the numbers are the same',
  },
];

/** Why nothing can catch a mutation, where that is known. */
export function reasonFor(
  source: string,
  { file, offset, token, replacement }: Mutation,
): string | undefined {
  const { text, at } = placeOf(source, { offset });
  return equivalents.find(
    (known) =>
      known.file === file &&
      known.text === text &&
      known.at === at &&
      known.token === token &&
      known.replacement === replacement,
  )?.reason;
}
