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
    file: 'packages/kernels/src/conv2d/subgroup.wgsl',
    text: 'if (SUBGROUP_SIZE < 16u) { loaded[1] = select(vec4f(), x[t1.at + c], t1.inside); }',
    at: 20,
    token: '16u',
    replacement: '32u',
    reason: 'with 16 lanes and more it loads what no lane is asked for',
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
    file: 'packages/kernels/src/elementwise/unary.wgsl',
    text: 'let end = min(group_first + 4u * WORKGROUP_X, params.count);',
    at: 26,
    token: '+',
    replacement: '-',
    reason:
      'the first workgroup wraps round and computes everything, the others nothing: slower, the same values',
  },
  {
    file: 'packages/tensor/src/ops/upsample-nearest.ts',
    text: 'const [batch = 0, height = 0, width = 0, channels = 0] = shape;',
    at: 38,
    token: '0',
    replacement: '1',
    reason: 'a default for the type checker: the axis is always there',
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
