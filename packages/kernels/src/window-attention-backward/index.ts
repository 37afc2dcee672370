import { reduce } from '../reduce/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { preferForAttention, type WindowAttentionShape } from '../window-attention/index.ts';
import {
  diagonalSums,
  headDims4,
  keyScalar,
  keySubgroup,
  keyTiled,
  queryScalar,
  querySubgroup,
  queryTiled,
  type Sizes,
  statisticsScalar,
  statisticsVector,
  tableBlocks,
  tableDiagonals,
  tableGather,
  tableGatherDiagonals,
  tableScalar,
} from './kernels.ts';

export {
  tableGather as windowAttentionTableGather,
  tableGatherDiagonals as windowAttentionTableGatherDiagonals,
} from './kernels.ts';

/** What the kernels of the gradients read. qkv has to fit one binding. */
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
const needsQuarters = ({ headDim }: { readonly headDim: number }) =>
  headDim > 0 && headDim % 4 === 0 ? undefined : 'takes head dimensions in multiples of 4';
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

/** Of every query of every head. */
export interface WindowAttentionStatisticsShape {
  readonly queries: number;
  readonly headDim: number;
}

type StatisticsVariant = Variant<WindowAttentionStatisticsShape> & {
  readonly params: (shape: WindowAttentionStatisticsShape) => Record<string, number>;
};

export const windowAttentionStatisticsFamily: Family<WindowAttentionStatisticsShape, StatisticsVariant> = {
  name: 'window-attention-statistics',
  variants: [
    {
      name: 'vector',
      kernel: statisticsVector,
      constants: noConstants,
      refuses: needsQuarters,
      params: ({ headDim }) => ({ head_dim_4: headDim / 4 }),
    },
    {
      name: 'scalar',
      kernel: statisticsScalar,
      constants: noConstants,
      params: ({ headDim }) => ({ head_dim: headDim }),
    },
  ],
};

export const windowAttentionQueryFamily: Family<WindowAttentionShape> = {
  name: 'window-attention-query-gradient',
  variants: [subgroup(querySubgroup), tiled(queryTiled), scalar(queryScalar)],
  prefer: preferForAttention,
};

export const windowAttentionKeyFamily: Family<WindowAttentionShape> = {
  name: 'window-attention-key-gradient',
  variants: [subgroup(keySubgroup), tiled(keyTiled), scalar(keyScalar)],
  prefer: preferForAttention,
};

interface TableVariant extends PerToken {
  /** Partial sums per group of windows and head. */
  readonly sums: (window: number) => number;
  /** Groups of windows that keep a device busy. */
  readonly groups: (shape: WindowAttentionShape) => number;
  /** Whether its kernel gives the gradient of q, too, whose family is then not asked; `tune` times the two as one. */
  readonly givesQueries: boolean;
  /** From the sums over all groups to the table. */
  readonly gather: typeof tableGather | typeof tableGatherDiagonals;
}

/** Invocations and workgroups (where they are small) that keep a device busy. */
const [enough, enoughSmall] = [32_768, 512];
/** The variant's invocations have 16 pairs each, of as many tokens. */
const ofPairs = {
  sums: (window: number) => window ** 4,
  groups: ({ heads, window }: WindowAttentionShape) => Math.ceil((16 * enough) / (heads * window ** 4)),
  givesQueries: false,
  gather: tableGather,
};

export const windowAttentionTableFamily: Family<WindowAttentionShape, TableVariant> = {
  name: 'window-attention-table-gradient',
  variants: [
    {
      name: 'diagonals',
      kernel: tableDiagonals,
      constants: ({ headDim }) => ({ HEAD_DIM_4: headDim / 4, ALIGNED: true }),
      refuses: (shape) => (shape.window % 8 === 0 ? needsVectors(shape) : 'takes windows in multiples of 8'),
      sums: diagonalSums,
      groups: ({ heads, window }) => Math.ceil((32 * enoughSmall) / (heads * window ** 2)),
      givesQueries: true,
      gather: tableGatherDiagonals,
    },
    {
      name: 'blocks',
      kernel: tableBlocks,
      constants: noConstants,
      refuses: needsQuarters,
      ...ofPairs,
    },
    { ...scalar(tableScalar), ...ofPairs },
  ],
};

export interface WindowAttentionStatisticsBuffers {
  /** Of the attention's result, and that result: [queries, headDim]. */
  readonly gradient: GpuBuffer;
  readonly out: GpuBuffer;
  /** [queries], as `windowAttention` writes them. */
  readonly logSums: GpuBuffer;
  /** [queries, 2]. */
  readonly statistics: GpuBuffer;
}

/**
 * Records what the gradients of `windowAttention` need of each query: statistics [queries, 2] = (log Σ exp(score),
 * Σ gradient · out). With these, weight = exp(score − first) and the gradient of the score is weight · (gradient · v −
 * second): no weights are stored (Dao 2023, FlashAttention-2, §3.1).
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` where an operand exceeds one binding
 */
export function windowAttentionStatistics(
  device: Device,
  { logSums, ...buffers }: WindowAttentionStatisticsBuffers,
  shape: WindowAttentionStatisticsShape,
): void {
  const { queries } = shape;
  if (queries === 0) return;
  const { kernel, constants, params } = pick(windowAttentionStatisticsFamily, device, shape);
  device.dispatch(kernel, {
    buffers: { ...buffers, log_sums: logSums },
    params: { queries, ...params(shape) },
    constants: constants(shape),
  });
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
 * Records the gradients of q, k and v, `out` laid out as qkv, and of the bias table, `tableOut` [(2·window − 1)², heads].
 * The latter is three sums of fixed order: per group of windows, for each pair of tokens or for what pairs beside each
 * other share; over the groups; and over all that shares an entry. A kernel of the first sum may give the gradient of q,
 * too.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function windowAttentionAndTableGradients(
  device: Device,
  {
    tableOut,
    ...buffers
  }: WindowAttentionBackwardBuffers & {
    readonly out: GpuBuffer;
    readonly tableOut: GpuBuffer;
  },
  shape: WindowAttentionShape,
): void {
  const table = pick(windowAttentionTableFamily, device, shape);
  recordTable(device, table, { ...buffers, tableOut }, shape);
  if (isEmpty(shape)) return;
  if (!table.givesQueries || device.force.has(windowAttentionQueryFamily.name)) {
    record(device, pick(windowAttentionQueryFamily, device, shape), { ...buffers }, shape);
  }
  record(device, pick(windowAttentionKeyFamily, device, shape), { ...buffers }, shape);
}

function recordTable(
  device: Device,
  variant: TableVariant,
  {
    out,
    tableOut,
    ...operands
  }: Record<'out' | 'tableOut' | keyof WindowAttentionBackwardBuffers, GpuBuffer>,
  shape: WindowAttentionShape,
): void {
  const { heads, window } = shape;
  const windows = countWindows(shape);
  const perGroup = windowsPerGroup(windows, variant.groups(shape));
  const groups = Math.ceil(windows / perGroup);
  const count = heads * variant.sums(window);
  const sums = device.allocate(4 * count, 'window-attention.sums');
  let partial = sums;
  try {
    if (groups !== 1) partial = device.allocate(4 * count * groups, 'window-attention.partial');
    if (groups > 0) {
      const buffers = { ...operands, ...(variant.givesQueries && { out }), partial_sums: partial };
      record(device, variant, buffers, shape, perGroup);
    }
    if (partial !== sums) {
      const sizes = [groups, count];
      reduce(device, { x: partial, out: sums }, { reduction: 'sum', sizes, axes: [0] });
    }
    const params = { heads, window };
    device.dispatch(variant.gather, { buffers: { sums, out: tableOut }, params, constants: {} });
  } finally {
    if (partial !== sums) partial.release();
    sums.release();
  }
}

/** Windows that one invocation may add up. */
const longest = 64;

/** Windows that one invocation adds up: the more, the smaller the scratch memory of sums × groups. */
function windowsPerGroup(windows: number, groups: number): number {
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
