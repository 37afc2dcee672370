import type { Capabilities } from '../capabilities.ts';
import { AllocationError } from '../errors.ts';
import { type Rows, rowsRange } from '../image-bands/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { type Constants, defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';
import { type WindowAttentionShape, type WindowPiece, windowPieces } from './plan.ts';

export type { WindowAttentionShape } from './plan.ts';

export interface WindowAttentionBuffers {
  /** [images, height, width, 3, heads, headDim]: q, k, v. */
  readonly qkv: GpuBuffer;
  /** [(2·window − 1)², heads]. */
  readonly table: GpuBuffer;
  /** [images, height, width, heads, headDim]. */
  readonly out: GpuBuffer;
  /** [images, height, width, heads]: log Σ exp(score) of each query, which the gradients need. */
  readonly logSums?: GpuBuffer | undefined;
}

/** The largest window: the shaders' arithmetic on token numbers is exact below 256 tokens. */
export const maxAttentionWindow = 16;
const headDims4 = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16];
/** Those of the presets: each takes seconds to compile. */
const sharedHeadDims4 = [2, 3, 8];
const none = 0xffff_ffff;

const params = {
  windows: 'u32',
  windows_y: 'u32',
  windows_x: 'u32',
  heads: 'u32',
  head_dim: 'u32',
  window: 'u32',
  roll_y: 'u32',
  roll_x: 'u32',
  border_y: 'u32',
  border_x: 'u32',
  split: 'u32',
  qkv_base: 'u32',
  out_base: 'u32',
  scale: 'f32',
} as const;
type Sizes = { readonly [K in keyof typeof params]: number };

const libraries = { 'window-attention/geometry.wgsl': shaders['window-attention/geometry.wgsl'] };
const logSums = { LOG_SUMS: [false, true] };
const vectorBindings = {
  qkv: read('vec4f'),
  table: read('f32'),
  out: write('vec4f'),
  log_sums: write('f32', 'LOG_SUMS'),
};
const tokensOf = ({ window }: Sizes) => window * window;
const perQuery = (sizes: Sizes) => foldGrid(Math.ceil((sizes.windows * sizes.heads * tokensOf(sizes)) / 64));
const cost = (sizes: Sizes) => {
  const values = sizes.windows * tokensOf(sizes) * sizes.heads * sizes.head_dim;
  return { flops: 4 * values * tokensOf(sizes), bytes: 16 * values };
};
const check = ({ window, split }: Sizes) =>
  window < 1 || window > maxAttentionWindow || split < 1 || split > window
    ? `takes windows of 1 to ${maxAttentionWindow} and shifts below the window`
    : undefined;
const checkVectors = (sizes: Sizes, { HEAD_DIM_4 }: Constants) =>
  sizes.head_dim === 4 * Number(HEAD_DIM_4)
    ? check(sizes)
    : 'HEAD_DIM_4 is not a quarter of the head dimension';

export const windowAttentionSubgroup = defineKernel({
  name: 'window-attention/subgroup',
  source: shaders['window-attention/subgroup.wgsl'],
  libraries: {
    ...libraries,
    'window-attention/subgroup-chunk.wgsl': shaders['window-attention/subgroup-chunk.wgsl'],
  },
  constants: { HEAD_DIM_4: headDims4, ALIGNED: [false, true], ...logSums },
  features: ['subgroups'],
  bindings: vectorBindings,
  params,
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: (sizes, { SUBGROUP_SIZE }) =>
    foldGrid(sizes.windows * sizes.heads * Math.ceil(tokensOf(sizes) / (4 * Number(SUBGROUP_SIZE)))),
  check: checkVectors,
  cost,
});

export const windowAttentionTiled = defineKernel({
  name: 'window-attention/tiled',
  source: shaders['window-attention/tiled.wgsl'],
  libraries,
  constants: { HEAD_DIM_4: headDims4, ...logSums },
  bindings: vectorBindings,
  params,
  workgroup: () => [64, 1, 1],
  grid: perQuery,
  check: checkVectors,
  cost,
});

export const windowAttentionShared = defineKernel({
  name: 'window-attention/shared',
  source: shaders['window-attention/shared.wgsl'],
  libraries,
  constants: { HEAD_DIM_4: sharedHeadDims4, ...logSums },
  bindings: vectorBindings,
  params,
  workgroup: () => [32, 1, 1],
  workgroupBytes: ({ HEAD_DIM_4 }) => 32 * (2 * 16 * Number(HEAD_DIM_4) + 16),
  grid: (sizes) => foldGrid(sizes.windows * sizes.heads * Math.ceil(tokensOf(sizes) / 64)),
  check: checkVectors,
  cost,
});

export const windowAttentionScalar = defineKernel({
  name: 'window-attention/scalar',
  source: shaders['window-attention/scalar.wgsl'],
  libraries,
  constants: logSums,
  bindings: { qkv: read('f32'), table: read('f32'), out: write('f32'), log_sums: write('f32', 'LOG_SUMS') },
  params,
  workgroup: () => [64, 1, 1],
  grid: perQuery,
  check,
  cost,
});

const takes =
  (quarters: readonly number[]) =>
  ({ headDim }: WindowAttentionShape) =>
    quarters.includes(headDim / 4)
      ? undefined
      : `takes head dimensions of ${quarters.map((d) => 4 * d).join(', ')}`;
const needsVectors = takes(headDims4);

const noSums = { LOG_SUMS: false };

type WindowAttentionVariant = Variant<WindowAttentionShape> & { readonly elementBytes: 4 | 16 };

/**
 * Variants in the order to try them. A workgroup of a subgroup variant takes 4 tokens per lane: with 32 lanes most of it would be
 * idle in a window of 64 tokens. Hardware comes by workgroup memory cheaply, software does not.
 */
export function preferForAttention<V extends { readonly name: string }>(
  variants: readonly V[],
  { software, subgroupSize = 0 }: Pick<Capabilities, 'software' | 'subgroupSize'>,
): readonly V[] {
  const order = software
    ? ['tiled', 'subgroup', 'scalar', 'shared']
    : ['shared', 'tiled', 'subgroup', 'scalar'];
  const rank = ({ name }: V) => order.indexOf(name);
  return software && subgroupSize <= 8 ? variants : variants.toSorted((a, b) => rank(a) - rank(b));
}

export const windowAttentionFamily: Family<WindowAttentionShape, WindowAttentionVariant> = {
  name: 'window-attention',
  variants: [
    {
      name: 'subgroup',
      kernel: windowAttentionSubgroup,
      constants: ({ headDim, window }) => ({ HEAD_DIM_4: headDim / 4, ALIGNED: window % 8 === 0, ...noSums }),
      refuses: needsVectors,
      elementBytes: 16,
    },
    {
      name: 'tiled',
      kernel: windowAttentionTiled,
      constants: ({ headDim }) => ({ HEAD_DIM_4: headDim / 4, ...noSums }),
      refuses: needsVectors,
      elementBytes: 16,
    },
    { name: 'scalar', kernel: windowAttentionScalar, constants: () => noSums, elementBytes: 4 },
    {
      name: 'shared',
      kernel: windowAttentionShared,
      constants: ({ headDim }) => ({ HEAD_DIM_4: headDim / 4, ...noSums }),
      refuses: takes(sharedHeadDims4),
      elementBytes: 16,
    },
  ],
  prefer: preferForAttention,
};

/**
 * Records multi-head attention inside the windows of images, with relative position bias, as in SwinIR (Liang et al.
 * 2021, shifted windows of Liu et al. 2021): the image is rolled by −shift, cut into windows, and per window and head
 *
 *   out = softmax(scale · q kᵀ + table[(yi − yj + w − 1)(2w − 1) + xi − xj + w − 1] + mask) v,
 *
 * written back where q was read. The mask is −100 between tokens that are neighbours only because of the roll.
 * Height and width are multiples of the window.
 *
 * A qkv larger than one binding is worked on in groups of images, else in rows of windows; the row of windows that
 * the shift wraps around the image's edge is then gathered into scratch memory and scattered from it.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when one row of windows exceeds a binding, or
 *   with `logSums` all of qkv
 */
export function windowAttention(
  device: Device,
  buffers: WindowAttentionBuffers,
  shape: WindowAttentionShape,
): void {
  const { images, height, width, heads, headDim } = shape;
  const queries = images * height * width * heads;
  if (queries === 0 || (headDim === 0 && !buffers.logSums)) return;
  const variant = pick(windowAttentionFamily, device, shape);
  const pieces = windowPieces(shape, device.capabilities.limits);
  if (buffers.logSums && pieces.length > 1) {
    throw new AllocationError(
      'binding-too-large',
      `window attention: q, k and v of ${images}×${height}×${width} pixels exceed one binding, and their gradient needs them in one`,
      'Train on smaller crops or smaller batches.',
    );
  }
  for (const piece of pieces) {
    if (piece.wraps) wrapped(device, variant, buffers, shape, piece);
    else straight(device, variant, buffers, shape, piece);
  }
}

function straight(
  device: Device,
  variant: WindowAttentionVariant,
  { qkv, table, out, logSums }: WindowAttentionBuffers,
  shape: WindowAttentionShape,
  piece: WindowPiece,
): void {
  const { height, width, window, shift, heads, headDim, scale } = shape;
  const { limits } = device.capabilities;
  const outRow = 4 * width * heads * headDim;
  const rows: Rows = {
    image: piece.image,
    images: piece.images,
    row: piece.row,
    rows: piece.windowRows * window,
  };
  const source = rowsRange(qkv, rows, { height, rowBytes: 3 * outRow }, variant.elementBytes, limits);
  const target = rowsRange(out, rows, { height, rowBytes: outRow }, variant.elementBytes, limits);
  const columns = width / window;
  device.dispatch(variant.kernel, {
    buffers: { qkv: source.range, table, out: target.range, log_sums: logSums },
    params: {
      windows: piece.images * piece.windowRows * columns,
      windows_y: piece.windowRows,
      windows_x: columns,
      heads,
      head_dim: headDim,
      window,
      roll_y: piece.rollY,
      roll_x: shift,
      border_y: piece.borderY ?? none,
      border_x: shift > 0 ? columns - 1 : none,
      split: window - shift,
      qkv_base: source.offset,
      out_base: target.offset,
      scale,
    },
    constants: { ...variant.constants(shape), LOG_SUMS: logSums !== undefined },
  });
}

function wrapped(
  device: Device,
  variant: WindowAttentionVariant,
  { qkv, table, out }: WindowAttentionBuffers,
  shape: WindowAttentionShape,
  piece: WindowPiece,
): void {
  const { height, width, window, shift, heads, headDim } = shape;
  const outRow = 4 * width * heads * headDim;
  const image = piece.image * height;
  const bottom = window - shift;
  const gathered = device.allocate(window * 3 * outRow, 'window-attention.qkv');
  const result = device.allocate(window * outRow, 'window-attention.out');
  device.copy(qkv, (image + piece.row) * 3 * outRow, gathered, 0, bottom * 3 * outRow);
  device.copy(qkv, image * 3 * outRow, gathered, bottom * 3 * outRow, shift * 3 * outRow);
  straight(
    device,
    variant,
    { qkv: gathered, table, out: result },
    { ...shape, images: 1, height: window },
    { ...piece, image: 0, row: 0, wraps: false },
  );
  device.copy(result, 0, out, (image + piece.row) * outRow, bottom * outRow);
  device.copy(result, bottom * outRow, out, image * outRow, shift * outRow);
  gathered.release();
  result.release();
}
