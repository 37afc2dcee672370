import { rowsRange } from '../image-bands/index.ts';
import { reduce } from '../reduce/index.ts';
import {
  type BufferRange,
  type Device,
  type Family,
  type GpuBuffer,
  pick,
  rowBands,
  type Variant,
} from '../runtime/index.ts';
import {
  applyScalar,
  applyVectors,
  coefficientsOfGroups,
  deviationsScalar,
  deviationsVectors,
  inputScalar,
  inputVectors,
  type PieceParams,
  pixelsPerChunk,
  sumsScalar,
  sumsVectors,
} from './kernels.ts';

export { coefficientsOfGroups as groupNormCoefficients } from './kernels.ts';

/** [images, pixels, channels], each image's groups of channels / groups channels normalised by themselves. */
export interface GroupNormShape {
  readonly images: number;
  readonly pixels: number;
  readonly channels: number;
  readonly groups: number;
  /** Added to the variance inside the root. */
  readonly eps: number;
}

type GroupVariant = Variant<GroupNormShape> & { readonly elementBytes: 4 | 16 };

function family(
  name: string,
  vectors: GroupVariant['kernel'],
  scalar: GroupVariant['kernel'],
): Family<GroupNormShape, GroupVariant> {
  return {
    name,
    variants: [
      {
        name: 'vectors',
        kernel: vectors,
        constants: () => ({}),
        refuses: ({ channels }) => (channels % 4 === 0 ? undefined : 'takes channels in multiples of 4'),
        elementBytes: 16,
      },
      { name: 'scalar', kernel: scalar, constants: () => ({}), elementBytes: 4 },
    ],
  };
}

export const groupNormDeviationsFamily = family('group-norm-deviations', deviationsVectors, deviationsScalar);
export const groupNormApplyFamily = family('group-norm-apply', applyVectors, applyScalar);
export const groupNormSumsFamily = family('group-norm-sums', sumsVectors, sumsScalar);
export const groupNormGradientFamily = family('group-norm-gradient', inputVectors, inputScalar);

/**
 * Records what groups are normalised by: statistics [2, images, groups], the means and then the sums of squared
 * deviations from them, each added up in a fixed order; zeros for groups without elements. x may exceed one binding, as in all functions of this file.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 pixels exceed a binding
 */
export function groupNormStatistics(
  device: Device,
  { x, statistics }: { readonly x: GpuBuffer; readonly statistics: GpuBuffer },
  shape: GroupNormShape,
): void {
  const { images, pixels, channels, groups } = shape;
  const bytes = 4 * images * groups;
  if (isEmpty(shape)) {
    reduce(device, { x, out: statistics }, { reduction: 'sum', sizes: [0, 2 * images * groups], axes: [0] });
    return;
  }
  const chunks = Math.ceil(pixels / pixelsPerChunk);
  const sizes = [images, pixels, groups, channels / groups];
  const values = device.allocate(bytes, 'group-norm.values');
  reduce(device, { x, out: values }, { reduction: 'mean', sizes, axes: [1, 3] });
  device.copy(values, 0, statistics, 0, bytes);
  const partial = device.allocate(4 * images * chunks * channels, 'group-norm.partial');
  const variant = pick(groupNormDeviationsFamily, device, shape);
  eachPiece(device, variant, shape, (bind, params) => {
    device.dispatch(variant.kernel, {
      buffers: { x: bind(x), statistics, partial_sums: partial },
      params,
      constants: {},
    });
  });
  const parts = [images, chunks, groups, channels / groups];
  reduce(device, { x: partial, out: values }, { reduction: 'sum', sizes: parts, axes: [1, 3] });
  device.copy(values, 0, statistics, bytes, bytes);
  partial.release();
  values.release();
}

export interface GroupNormBuffers {
  /** [images, pixels, channels]. */
  readonly x: GpuBuffer;
  /** [channels]. */
  readonly weight: GpuBuffer;
  /** [channels]. */
  readonly bias: GpuBuffer;
  /** [images, pixels, channels]. */
  readonly out: GpuBuffer;
}

/**
 * Records group normalisation (Wu and He 2018) with biased variance over the pixels and channels of each group:
 * out = (x − mean) / √(variance + eps) · weight + bias.
 * @throws as `groupNormStatistics`
 */
export function groupNorm(
  device: Device,
  { x, weight, bias, out }: GroupNormBuffers,
  shape: GroupNormShape,
): void {
  if (isEmpty(shape)) return;
  const statistics = device.allocate(8 * shape.images * shape.groups, 'group-norm.statistics');
  groupNormStatistics(device, { x, statistics }, shape);
  groupNormApply(device, { x, statistics, weight, bias, out }, shape);
  statistics.release();
}

/** As `groupNorm`, with statistics as `groupNormStatistics` gives them, which may be those of more than x. */
export function groupNormApply(
  device: Device,
  { x, statistics, weight, bias, out }: GroupNormBuffers & { readonly statistics: GpuBuffer },
  shape: GroupNormShape,
): void {
  if (isEmpty(shape)) return;
  const variant = pick(groupNormApplyFamily, device, shape);
  eachPiece(device, variant, shape, (bind, params) => {
    device.dispatch(variant.kernel, {
      buffers: { x: bind(x), statistics, weight, bias, out: bind(out) },
      params,
      constants: {},
    });
  });
}

export interface GroupNormSumBuffers {
  readonly x: GpuBuffer;
  /** Of the result: [images, pixels, channels]. */
  readonly gradient: GpuBuffer;
  readonly statistics: GpuBuffer;
  /** [images, 2, channels]. */
  readonly out: GpuBuffer;
}

/**
 * Records the sums over pixels that all gradients are made of: out[image, 0] = Σ gradient · n, out[image, 1] =
 * Σ gradient per channel, n = (x − mean) · scale.
 * @throws as `groupNormStatistics`
 */
export function groupNormSums(
  device: Device,
  { x, gradient, statistics, out }: GroupNormSumBuffers,
  shape: GroupNormShape,
): void {
  const { images, pixels, channels } = shape;
  const chunks = isEmpty(shape) ? 0 : Math.ceil(pixels / pixelsPerChunk);
  const partial = device.allocate(8 * images * chunks * channels, 'group-norm.partial');
  if (chunks > 0) {
    const variant = pick(groupNormSumsFamily, device, shape);
    eachPiece(device, variant, shape, (bind, params) => {
      device.dispatch(variant.kernel, {
        buffers: { x: bind(x), gradient: bind(gradient), statistics, partial_sums: partial },
        params,
        constants: {},
      });
    });
  }
  const sizes = [images, chunks, 2 * channels];
  reduce(device, { x: partial, out }, { reduction: 'sum', sizes, axes: [1] });
  partial.release();
}

export interface GroupNormGradientBuffers {
  readonly x: GpuBuffer;
  readonly weight: GpuBuffer;
  /** Of the result: [images, pixels, channels]. */
  readonly gradient: GpuBuffer;
  readonly statistics: GpuBuffer;
  /** What `groupNormSums` gives. */
  readonly sums: GpuBuffer;
  /** Of x: [images, pixels, channels]. */
  readonly out: GpuBuffer;
}

/**
 * Records the gradient of x: scale · (h − mean h − n · mean (h·n)) with h = gradient · weight, the means over each group.
 * @throws as `groupNormStatistics`
 */
export function groupNormGradient(
  device: Device,
  { x, weight, gradient, statistics, sums, out }: GroupNormGradientBuffers,
  shape: GroupNormShape,
): void {
  const { images, pixels, channels, groups } = shape;
  if (isEmpty(shape)) return;
  const coefficients = device.allocate(8 * images * groups, 'group-norm.coefficients');
  device.dispatch(coefficientsOfGroups, {
    buffers: { sums, weight, coefficients },
    params: { images, pixels, groups, per_group: channels / groups },
    constants: {},
  });
  const variant = pick(groupNormGradientFamily, device, shape);
  eachPiece(device, variant, shape, (bind, params) => {
    device.dispatch(variant.kernel, {
      buffers: { x: bind(x), gradient: bind(gradient), statistics, weight, coefficients, out: bind(out) },
      params,
      constants: {},
    });
  });
  coefficients.release();
}

const isEmpty = ({ images, pixels, channels }: GroupNormShape) => images * pixels * channels === 0;

/** All images at once where they fit a binding, else bands of pixels of one image, which start at whole chunks. */
function eachPiece(
  device: Device,
  { elementBytes }: GroupVariant,
  shape: GroupNormShape,
  visit: (bind: (buffer: GpuBuffer) => BufferRange, params: PieceParams) => void,
): void {
  const { images, pixels, channels, groups, eps } = shape;
  const { limits } = device.capabilities;
  const layout = { height: pixels, rowBytes: 4 * channels };
  const piece = (image: number, count: number, first: number, rows: number) => {
    const place = { image, images: count, row: first, rows };
    visit((buffer) => rowsRange(buffer, place, layout, elementBytes, limits).range, {
      images: count,
      rows,
      pixels,
      channels,
      groups,
      per_group: channels / groups,
      all: images * groups,
      first_image: image,
      first_chunk: first / pixelsPerChunk,
      all_chunks: Math.ceil(pixels / pixelsPerChunk),
      base: offsetOf(image, first),
      eps,
    });
  };
  const offsetOf = (image: number, first: number) =>
    (((image * pixels + first) * layout.rowBytes) % limits.minStorageBufferOffsetAlignment) / elementBytes;
  if (images * pixels * layout.rowBytes <= limits.maxStorageBufferBindingSize) {
    piece(0, images, 0, pixels);
    return;
  }
  // A band may be bound from a little before its start.
  const room = limits.maxStorageBufferBindingSize - limits.minStorageBufferOffsetAlignment;
  const bandLimits = { ...limits, maxStorageBufferBindingSize: room };
  for (let image = 0; image < images; image++) {
    for (const band of rowBands('group norm', pixels, [layout.rowBytes], bandLimits)) {
      piece(image, 1, band.first, band.count);
    }
  }
}
