import {
  bandRange,
  type Device,
  type Family,
  type GpuBuffer,
  pick,
  rowBands,
  type Variant,
} from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** Rows of `channels` values, each row normalised by itself. */
export interface LayerNormShape {
  readonly rows: number;
  readonly channels: number;
  /** Added to the variance inside the root. */
  readonly eps: number;
}

export interface LayerNormBuffers {
  /** [rows, channels]. */
  readonly x: GpuBuffer;
  /** [channels]. */
  readonly weight: GpuBuffer;
  /** [channels]. */
  readonly bias: GpuBuffer;
  /** [rows, channels]. */
  readonly out: GpuBuffer;
  /** [rows, 2]: of each row mean and 1 / √(variance + eps), which the gradients need. */
  readonly statistics?: GpuBuffer | undefined;
}

const constants = { STATISTICS: [false, true] };
const bindings = (element: 'f32' | 'vec4f') => ({
  x: read(element),
  weight: read(element),
  bias: read(element),
  out: write(element),
  statistics: write('vec2f', 'STATISTICS'),
});
const vectorParams = { rows: 'u32', c4: 'u32', eps: 'f32' } as const;
const cost = (rows: number, channels: number) => ({ flops: 8 * rows * channels, bytes: 8 * rows * channels });
const vectorCost = ({ rows, c4 }: { rows: number; c4: number }) => cost(rows, 4 * c4);

export const layerNormSubgroup = defineKernel({
  name: 'layer-norm/subgroup',
  source: shaders['layer-norm/subgroup.wgsl'],
  features: ['subgroups'],
  constants,
  bindings: bindings('vec4f'),
  params: vectorParams,
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: ({ rows }) => foldGrid(Math.ceil(rows / 4)),
  cost: vectorCost,
});

export const layerNormPortable = defineKernel({
  name: 'layer-norm/portable',
  source: shaders['layer-norm/portable.wgsl'],
  constants,
  bindings: bindings('vec4f'),
  params: vectorParams,
  workgroup: () => [64, 1, 1],
  grid: ({ rows }) => foldGrid(Math.ceil(rows / 64)),
  cost: vectorCost,
});

export const layerNormScalar = defineKernel({
  name: 'layer-norm/scalar',
  source: shaders['layer-norm/scalar.wgsl'],
  constants,
  bindings: bindings('f32'),
  params: { rows: 'u32', channels: 'u32', eps: 'f32' },
  workgroup: () => [64, 1, 1],
  grid: ({ rows }) => foldGrid(Math.ceil(rows / 64)),
  cost: ({ rows, channels }) => cost(rows, channels),
});

const needsVectors = ({ channels }: LayerNormShape) =>
  channels % 4 === 0 ? undefined : 'takes channels in multiples of 4';

type LayerNormVariant = Variant<LayerNormShape> & {
  readonly params: (shape: LayerNormShape) => Record<string, number>;
};
const c4 = ({ channels }: LayerNormShape) => ({ c4: channels / 4 });
const noStatistics = () => ({ STATISTICS: false });

export const layerNormFamily: Family<LayerNormShape, LayerNormVariant> = {
  name: 'layer-norm',
  variants: [
    {
      name: 'subgroup',
      kernel: layerNormSubgroup,
      constants: noStatistics,
      refuses: needsVectors,
      params: c4,
    },
    {
      name: 'portable',
      kernel: layerNormPortable,
      constants: noStatistics,
      refuses: needsVectors,
      params: c4,
    },
    {
      name: 'scalar',
      kernel: layerNormScalar,
      constants: noStatistics,
      params: ({ channels }) => ({ channels }),
    },
  ],
  // Where a row is a few vectors, the exchange between lanes takes longer than what it saves; measured on software only.
  prefer: (variants, { software }, { channels }) =>
    software && channels <= 96
      ? variants.toSorted((a, b) => Number(b.name === 'portable') - Number(a.name === 'portable'))
      : variants,
};

/**
 * Records layer normalisation over the last dimension (Ba et al. 2016) with biased variance:
 * out = (x − mean) / √(variance + eps) · weight + bias, in row bands where x exceeds one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function layerNorm(device: Device, buffers: LayerNormBuffers, shape: LayerNormShape): void {
  const { rows, channels, eps } = shape;
  if (rows === 0 || channels === 0) return;
  const variant = pick(layerNormFamily, device, shape);
  const { x, weight, bias, out, statistics } = buffers;
  const rowBytes = 4 * channels;
  const bytesPerRow = statistics ? [rowBytes, 8] : [rowBytes];
  for (const band of rowBands('layer norm', rows, bytesPerRow, device.capabilities.limits)) {
    device.dispatch(variant.kernel, {
      buffers: {
        x: bandRange(x, band, rowBytes),
        weight,
        bias,
        out: bandRange(out, band, rowBytes),
        statistics: statistics && bandRange(statistics, band, 8),
      },
      params: { rows: band.count, eps, ...variant.params(shape) },
      constants: { ...variant.constants(shape), STATISTICS: statistics !== undefined },
    });
  }
}
