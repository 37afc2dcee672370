import type { LayerNormShape } from '../layer-norm/index.ts';
import { reduce } from '../reduce/index.ts';
import {
  bandRange,
  type Device,
  type Family,
  type GpuBuffer,
  pick,
  rowBands,
  type Variant,
} from '../runtime/index.ts';
import {
  inputPortable,
  inputScalar,
  inputSubgroup,
  parametersPortable,
  parametersScalar,
  rowsPerGroup,
  statisticsPortable,
  statisticsScalar,
} from './kernels.ts';

type RowVariant = Variant<LayerNormShape> & {
  readonly params: (shape: LayerNormShape) => Record<string, number>;
};

const vectors = (name: string, kernel: RowVariant['kernel']): RowVariant => ({
  name,
  kernel,
  constants: () => ({}),
  refuses: ({ channels }) => (channels % 4 === 0 ? undefined : 'takes channels in multiples of 4'),
  params: ({ channels }) => ({ c4: channels / 4 }),
});
const scalars = (kernel: RowVariant['kernel']): RowVariant => ({
  name: 'scalar',
  kernel,
  constants: () => ({}),
  params: ({ channels }) => ({ channels }),
});

export const layerNormGradientFamily: Family<LayerNormShape, RowVariant> = {
  name: 'layer-norm-gradient',
  variants: [vectors('subgroup', inputSubgroup), vectors('portable', inputPortable), scalars(inputScalar)],
};

export const layerNormStatisticsFamily: Family<LayerNormShape, RowVariant> = {
  name: 'layer-norm-statistics',
  variants: [vectors('portable', statisticsPortable), scalars(statisticsScalar)],
};

export const layerNormParametersFamily: Family<LayerNormShape, RowVariant> = {
  name: 'layer-norm-parameter-gradients',
  variants: [vectors('portable', parametersPortable), scalars(parametersScalar)],
};

export interface LayerNormGradientBuffers {
  /** [rows, channels]. */
  readonly x: GpuBuffer;
  /** [channels]. */
  readonly weight: GpuBuffer;
  /** Of the result: [rows, channels]. */
  readonly gradient: GpuBuffer;
  /** Of x: [rows, channels]. */
  readonly out: GpuBuffer;
}

/**
 * Records the gradient of x through `layerNorm`, in row bands where x exceeds one binding:
 * out = scale · (h − mean h − n · mean (h·n)) with h = gradient · weight, n = (x − mean x) · scale,
 * scale = 1 / √(variance + eps).
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function layerNormGradient(
  device: Device,
  { x, weight, gradient, out }: LayerNormGradientBuffers,
  shape: LayerNormShape,
): void {
  const { rows, channels, eps } = shape;
  if (rows === 0 || channels === 0) return;
  const variant = pick(layerNormGradientFamily, device, shape);
  const rowBytes = 4 * channels;
  for (const band of rowBands('layer norm gradient', rows, [rowBytes], device.capabilities.limits)) {
    const of = (buffer: GpuBuffer) => bandRange(buffer, band, rowBytes);
    device.dispatch(variant.kernel, {
      buffers: { x: of(x), weight, gradient: of(gradient), out: of(out) },
      params: { rows: band.count, eps, ...variant.params(shape) },
      constants: variant.constants(shape),
    });
  }
}

export interface LayerNormParameterBuffers {
  /** [rows, channels]. */
  readonly x: GpuBuffer;
  /** Of the result: [rows, channels]. */
  readonly gradient: GpuBuffer;
  /** [2, channels]: of weight, then of bias. */
  readonly out: GpuBuffer;
}

/**
 * Records the gradients of weight and bias through `layerNorm`: column sums in a fixed order, first over groups of 64
 * rows, then over the groups. Each row's mean and scale are computed once before, so that x is read twice and the
 * gradient once; x may exceed one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function layerNormParameterGradients(
  device: Device,
  { x, gradient, out }: LayerNormParameterBuffers,
  shape: LayerNormShape,
): void {
  const { rows, channels, eps } = shape;
  if (channels === 0) return;
  const groups = Math.ceil(rows / rowsPerGroup);
  const partial = device.allocate(8 * channels * groups, 'layer-norm.partial');
  if (rows > 0) {
    const rowBytes = 4 * channels;
    const statisticsVariant = pick(layerNormStatisticsFamily, device, shape);
    const variant = pick(layerNormParametersFamily, device, shape);
    // Bands start at multiples of 64 rows, so groups are the same ones in one band or in several.
    for (const band of rowBands('layer norm gradient', rows, [rowBytes], device.capabilities.limits)) {
      const range = bandRange(x, band, rowBytes);
      const statistics = device.allocate(8 * band.count, 'layer-norm.statistics');
      device.dispatch(statisticsVariant.kernel, {
        buffers: { x: range, statistics },
        params: { rows: band.count, eps, ...statisticsVariant.params(shape) },
        constants: statisticsVariant.constants(shape),
      });
      device.dispatch(variant.kernel, {
        buffers: {
          x: range,
          gradient: bandRange(gradient, band, rowBytes),
          statistics,
          partial_sums: partial,
        },
        params: { rows: band.count, first_group: band.first / rowsPerGroup, ...variant.params(shape) },
        constants: variant.constants(shape),
      });
      statistics.release();
    }
  }
  reduce(device, { x: partial, out }, { reduction: 'sum', sizes: [groups, 2 * channels], axes: [0] });
  partial.release();
}
