import { reduce } from '../reduce/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import type { WindowAttentionShape } from '../window-attention/index.ts';
import {
  headDims4,
  keyScalar,
  keySubgroup,
  keyTiled,
  queryScalar,
  querySubgroup,
  queryTiled,
  type Sizes,
  statisticsScalar,
  statisticsSubgroup,
  statisticsTiled,
  tableBlocks,
  tableGather,
  tableScalar,
} from './kernels.ts';

export { tableGather as windowAttentionTableGather } from './kernels.ts';

/** What every backward kernel reads. */
export interface WindowAttentionBackwardBuffers {
  /** [images, height, width, 3, heads, headDim]: q, k, v. */
  readonly qkv: GpuBuffer;
  /** [(2·window − 1)², heads]. */
  readonly table: GpuBuffer;
  /** Of the attention's result: [images, height, width, heads, headDim]. */
  readonly gradient: GpuBuffer;
  /** [images, height, width, heads, 2]; see `windowAttentionStatistics`. */
  readonly statistics: GpuBuffer;
}

const none = 0xffff_ffff;
const needsVectors = ({ headDim }: WindowAttentionShape) =>
  headDims4.includes(headDim / 4)
    ? undefined
    : `takes head dimensions of ${headDims4.map((d) => 4 * d).join(', ')}`;
const headDim4 = ({ headDim }: WindowAttentionShape) => ({ HEAD_DIM_4: headDim / 4 });
const noConstants = () => ({});

type PerToken = Variant<WindowAttentionShape>;
const subgroup = (kernel: PerToken['kernel']): PerToken => ({
  name: 'subgroup',
  kernel,
  constants: ({ headDim, window }) => ({ HEAD_DIM_4: headDim / 4, ALIGNED: window % 8 === 0 }),
  refuses: needsVectors,
});
const tiled = (kernel: PerToken['kernel']): PerToken => ({
  name: 'tiled',
  kernel,
  constants: headDim4,
  refuses: needsVectors,
});
const scalar = (kernel: PerToken['kernel']): PerToken => ({ name: 'scalar', kernel, constants: noConstants });

export const windowAttentionStatisticsFamily: Family<WindowAttentionShape> = {
  name: 'window-attention-statistics',
  variants: [subgroup(statisticsSubgroup), tiled(statisticsTiled), scalar(statisticsScalar)],
};

export const windowAttentionQueryFamily: Family<WindowAttentionShape> = {
  name: 'window-attention-query-gradient',
  variants: [subgroup(querySubgroup), tiled(queryTiled), scalar(queryScalar)],
};

export const windowAttentionKeyFamily: Family<WindowAttentionShape> = {
  name: 'window-attention-key-gradient',
  variants: [subgroup(keySubgroup), tiled(keyTiled), scalar(keyScalar)],
};

export const windowAttentionTableFamily: Family<WindowAttentionShape> = {
  name: 'window-attention-table-gradient',
  variants: [
    {
      name: 'blocks',
      kernel: tableBlocks,
      constants: noConstants,
      refuses: ({ headDim }) =>
        headDim > 0 && headDim % 4 === 0 ? undefined : 'takes head dimensions in multiples of 4',
    },
    scalar(tableScalar),
  ],
};

/**
 * Records what the gradients of `windowAttention` need of each query: statistics [images, height, width, heads, 2] =
 * (log Σ exp(score), Σ weight · (gradient · v)), the sums over the keys of its window. With these,
 * weight = exp(score − first) and the gradient of the score is weight · (gradient · v − second): no weights are stored
 * (Dao 2023, FlashAttention-2, §3.1).
 *
 * qkv has to fit one binding, as for all functions of this file.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function windowAttentionStatistics(
  device: Device,
  buffers: WindowAttentionBackwardBuffers,
  shape: WindowAttentionShape,
): void {
  if (countWindows(shape) === 0) return;
  record(device, pick(windowAttentionStatisticsFamily, device, shape), { ...buffers }, shape);
}

/**
 * Records the gradient of q, k and v, `out` laid out as qkv. One kernel goes over the keys of each query, one over the
 * queries of each key, so that every element is a sum in a fixed order.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function windowAttentionGradient(
  device: Device,
  buffers: WindowAttentionBackwardBuffers & { readonly out: GpuBuffer },
  shape: WindowAttentionShape,
): void {
  if (isEmpty(shape)) return;
  record(device, pick(windowAttentionQueryFamily, device, shape), { ...buffers }, shape);
  record(device, pick(windowAttentionKeyFamily, device, shape), { ...buffers }, shape);
}

/**
 * Records the gradient of the bias table, `out` [(2·window − 1)², heads], in three sums of fixed order: per group of
 * windows for each pair of tokens, over the groups, and over the pairs that share an entry.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function windowAttentionTableGradient(
  device: Device,
  { out, ...operands }: WindowAttentionBackwardBuffers & { readonly out: GpuBuffer },
  shape: WindowAttentionShape,
): void {
  const { heads, window } = shape;
  const windows = countWindows(shape);
  const pairs = heads * window ** 4;
  const perGroup = windowsPerGroup(windows, pairs);
  const groups = Math.ceil(windows / perGroup);
  const sums = device.allocate(4 * pairs, 'window-attention.pairs');
  const partial = groups === 1 ? sums : device.allocate(4 * pairs * groups, 'window-attention.partial');
  if (groups > 0) {
    const variant = pick(windowAttentionTableFamily, device, shape);
    record(device, variant, { ...operands, partial_sums: partial }, shape, perGroup);
  }
  if (partial !== sums) {
    const sizes = [groups, pairs];
    reduce(device, { x: partial, out: sums }, { reduction: 'sum', sizes, axes: [0] });
    partial.release();
  }
  device.dispatch(tableGather, { buffers: { pairs: sums, out }, params: { heads, window }, constants: {} });
  sums.release();
}

/** Invocations (of 16 pairs) that keep a GPU busy, and windows that one of them may add up. */
const [enough, longest] = [32_768, 64];

/** Windows that one invocation adds up: the more, the smaller the scratch memory of pairs × groups. */
function windowsPerGroup(windows: number, pairs: number): number {
  const groups = Math.ceil((16 * enough) / pairs);
  return Math.min(longest, Math.max(1, Math.ceil(windows / groups)));
}

const countWindows = ({ images, height, width, window }: WindowAttentionShape) =>
  (images * height * width) / window ** 2;
const isEmpty = (shape: WindowAttentionShape) => countWindows(shape) * shape.heads * shape.headDim === 0;

function record(
  device: Device,
  variant: PerToken,
  buffers: Record<string, GpuBuffer>,
  shape: WindowAttentionShape,
  perGroup = 1,
): void {
  const { height, width, window, shift, heads, headDim, scale } = shape;
  const [rows, columns] = [height / window, width / window];
  const params: Sizes = {
    windows: countWindows(shape),
    windows_y: rows,
    windows_x: columns,
    heads,
    head_dim: headDim,
    window,
    roll_y: shift,
    roll_x: shift,
    border_y: shift > 0 ? rows - 1 : none,
    border_x: shift > 0 ? columns - 1 : none,
    split: window - shift,
    per_group: perGroup,
    scale,
  };
  device.dispatch(variant.kernel, { buffers, params, constants: variant.constants(shape) });
}
