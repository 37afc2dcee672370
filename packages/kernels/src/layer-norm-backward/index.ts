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
} from './kernels.ts';

/** Rows of `channels` values. */
export type LayerNormRows = Omit<LayerNormShape, 'eps'>;

type RowVariant = Variant<LayerNormRows> & {
  readonly params: (shape: LayerNormRows) => Record<string, number>;
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

export const layerNormGradientFamily: Family<LayerNormRows, RowVariant> = {
  name: 'layer-norm-gradient',
  variants: [vectors('subgroup', inputSubgroup), vectors('portable', inputPortable), scalars(inputScalar)],
};

export const layerNormParametersFamily: Family<LayerNormRows, RowVariant> = {
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
  /** [rows, 2], as `layerNorm` writes them. */
  readonly statistics: GpuBuffer;
  /** Of x: [rows, channels]. */
  readonly out: GpuBuffer;
}

/**
 * Records the gradient of x through `layerNorm`, in row bands where x exceeds one binding:
 * out = scale · (h − mean h − n · mean (h·n)) with h = gradient · weight, n = (x − mean x) · scale.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function layerNormGradient(
  device: Device,
  { x, weight, gradient, statistics, out }: LayerNormGradientBuffers,
  shape: LayerNormRows,
): void {
  const { rows, channels } = shape;
  if (rows === 0 || channels === 0) return;
  const variant = pick(layerNormGradientFamily, device, shape);
  const rowBytes = 4 * channels;
  for (const band of rowBands('layer norm gradient', rows, [rowBytes, 8], device.capabilities.limits)) {
    const of = (buffer: GpuBuffer) => bandRange(buffer, band, rowBytes);
    device.dispatch(variant.kernel, {
      buffers: {
        x: of(x),
        weight,
        gradient: of(gradient),
        statistics: bandRange(statistics, band, 8),
        out: of(out),
      },
      params: { rows: band.count, ...variant.params(shape) },
      constants: variant.constants(shape),
    });
  }
}

export interface LayerNormParameterBuffers {
  /** [rows, channels]. */
  readonly x: GpuBuffer;
  /** Of the result: [rows, channels]. */
  readonly gradient: GpuBuffer;
  /** [rows, 2], as `layerNorm` writes them. */
  readonly statistics: GpuBuffer;
  /** [2, channels]: of weight, then of bias. */
  readonly out: GpuBuffer;
}

/**
 * Records the gradients of weight and bias through `layerNorm`: column sums in a fixed order, first over groups of 64
 * rows, then over the groups; x may exceed one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function layerNormParameterGradients(
  device: Device,
  { x, gradient, statistics, out }: LayerNormParameterBuffers,
  shape: LayerNormRows,
): void {
  const { rows, channels } = shape;
  if (channels === 0) return;
  const groups = Math.ceil(rows / rowsPerGroup);
  const rowBytes = 4 * channels;
  const partial = device.allocate(8 * channels * groups, 'layer-norm.partial');
  try {
    const variant = pick(layerNormParametersFamily, device, shape);
    const bands =
      rows > 0 ? rowBands('layer norm gradient', rows, [rowBytes, 8], device.capabilities.limits) : [];
    // Bands start at multiples of 64 rows, so groups are the same ones in one band or in several.
    for (const band of bands) {
      device.dispatch(variant.kernel, {
        buffers: {
          x: bandRange(x, band, rowBytes),
          gradient: bandRange(gradient, band, rowBytes),
          statistics: bandRange(statistics, band, 8),
          partial_sums: partial,
        },
        params: { rows: band.count, first_group: band.first / rowsPerGroup, ...variant.params(shape) },
        constants: variant.constants(shape),
      });
    }
    reduce(device, { x: partial, out }, { reduction: 'sum', sizes: [groups, 2 * channels], axes: [0] });
  } finally {
    partial.release();
  }
}
