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
    file: 'packages/kernels/src/conv2d-weight-gradient/strips.wgsl',
    text: 'let flat = min(index, params.rows4 - 1u);',
    at: 35,
    token: '-',
    replacement: '+',
    reason: 'rows past the last are computed on any address and not stored',
  },
  {
    file: 'packages/kernels/src/conv2d/subgroup.wgsl',
    text: 'if (SUBGROUP_SIZE < 16u) { loaded[1] = select(vec4f(), x[t1.at + c], t1.inside); }',
    at: 20,
    token: '16u',
    replacement: '17u',
    reason: 'with 16 lanes it loads what no lane is asked for',
  },
  {
    file: 'packages/kernels/src/conv2d/taps.wgsl',
    text: 'let flat = min(index, params.pixels - 1u);',
    at: 36,
    token: '-',
    replacement: '+',
    reason: 'pixels past the last are computed on any address and not stored',
  },
  {
    file: 'packages/kernels/src/conv2d/taps.wgsl',
    text: 'let column = u32(clamp(x, 0, i32(params.width) - 1));',
    at: 47,
    token: '-',
    replacement: '+',
    reason: 'a column outside is read as zero, whatever its address',
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
    file: 'packages/kernels/src/fft2d/modulate.wgsl',
    text: 'let source_row = min(n, params.source_length - 1u);',
    at: 47,
    token: '1u',
    replacement: '0u',
    reason: 'what is read past the source is replaced by 0',
  },
  {
    file: 'packages/kernels/src/filter/scharr.wgsl',
    text: 'if (id < total) {',
    at: 7,
    token: '<',
    replacement: '<=',
    reason: 'the invocation behind the last has the address of the last and stores the same value',
  },
  {
    file: 'packages/kernels/src/gather/gather.wgsl',
    text: 'let place = min(at, params.size - 1u);',
    at: 34,
    token: '1u',
    replacement: '0u',
    reason: 'what is read for an index past the end is replaced by the fill value',
  },
  {
    file: 'packages/kernels/src/layer-norm-backward/input-subgroup.wgsl',
    text: 'if (stored.y) { out[at.y + c] = scale.y * (gradient[at.y + c] * w - shift.y - n1 * slope.y); }',
    at: 11,
    token: 'y',
    replacement: 'x',
    reason: 'a row past the last has the address of the last and stores the same values',
  },
  {
    file: 'packages/kernels/src/window-attention-backward/table-blocks.wgsl',
    text: 'if (i.w < tokens) { store(at + i.w * tokens, j, tokens, sum[3]); }',
    at: 8,
    token: '<',
    replacement: '<=',
    reason: 'i.w is 3 more than a multiple of 4, and a square never is',
  },
  {
    file: 'packages/kernels/src/window-attention/subgroup-chunk.wgsl',
    text: 'const TWO_ROWS: bool = SUBGROUP_SIZE < 8u;',
    at: 39,
    token: '8u',
    replacement: '7u',
    reason: 'no subgroup has 7 lanes',
  },
  {
    file: 'packages/tensor/src/ops/upsample-nearest.ts',
    text: 'const [batch = 0, height = 0, width = 0, channels = 0] = shape;',
    at: 38,
    token: '0',
    replacement: '1',
    reason: 'a default for the type checker: the axis is always there',
  },
  {
    file: 'packages/kernels/src/window-attention/subgroup.wgsl',
    text: 'if (HEAD_DIM_4 > 3u) { set_queries(3u, d, own0, own1, own2, own3); }',
    at: 17,
    token: '3u',
    replacement: '2u',
    reason: 'a row is kept at the step d that is its number, and of three steps none has the number 3',
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
