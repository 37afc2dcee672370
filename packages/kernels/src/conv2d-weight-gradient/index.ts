import { type Conv2dGeometry, conv2dIsMatmul, conv2dOutputSize, conv2dPieces } from '../conv2d/index.ts';
import {
  preferSharedTiles,
  preferSubgroupRows,
  subgroupRows,
  subgroupRowsName,
  withoutIdleLanes,
} from '../lib/index.ts';
import { reduce } from '../reduce/index.ts';
import {
  type BufferRange,
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

export interface Conv2dWeightGradientBuffers {
  /** The convolution's input [B, H, W, Cin]. */
  readonly x: GpuBuffer;
  /** The gradient of its result before the activation, [B, Ho, Wo, Cout]. */
  readonly gradient: GpuBuffer;
  /** [kh, kw, Cin, Cout]. */
  readonly out: GpuBuffer;
  /** The gradient of the bias, where it is asked for: [Cout]. */
  readonly biasOut?: GpuBuffer | undefined;
}

/**
 * Of one dispatch: `strips` strips of up to STRIP output pixels of one row, summed in parts, of which `parts` has the
 * count in its lower 8 bits and the number of the first above them. So the params are the 64 bytes that immediates take.
 */
const commonParams = {
  parts: 'u32',
  strips: 'u32',
  height: 'u32',
  width: 'u32',
  out_height: 'u32',
  out_width: 'u32',
  kernel_width: 'u32',
  stride: 'u32',
  pad_top: 'i32',
  pad_left: 'i32',
  x_offset: 'u32',
  gradient_offset: 'u32',
  out_offset: 'u32',
} as const;
const vectorParams = { ...commonParams, cin4: 'u32', cout4: 'u32', rows4: 'u32' } as const;
const scalarParams = { ...commonParams, cin: 'u32', cout: 'u32', rows: 'u32' } as const;
type CommonParams = { readonly [K in keyof typeof commonParams]: number };

const libraries = {
  'conv2d-weight-gradient/strips.wgsl': shaders['conv2d-weight-gradient/strips.wgsl'],
  'conv2d-weight-gradient/store.wgsl': shaders['conv2d-weight-gradient/store.wgsl'],
};
/** Rows are cut into strips, so that wide images share their work out as well as tall ones. */
const stripPixels = 128;
const constants = { STRIP: [stripPixels], BIAS_SUMS: [false, true] };

const bindings = (element: 'f32' | 'vec4f') => ({
  x: read(element),
  gradient: read(element),
  out: write(element),
  bias_sums: write(element, 'BIAS_SUMS'),
});

const partCount = (parts: number) => parts % 256;

const cost = (p: CommonParams, rows: number, cin: number, cout: number) => {
  const outRows = p.strips / Math.ceil(p.out_width / stripPixels);
  const pixels = outRows * p.out_width;
  const source = (outRows / p.out_height) * p.height * p.width;
  return {
    flops: 2 * pixels * rows * cout,
    bytes: 4 * (source * cin + pixels * cout + partCount(p.parts) * rows * cout),
  };
};

export const conv2dWeightGradientSubgroup = defineKernel({
  name: 'conv2d-weight-gradient/subgroup',
  source: shaders['conv2d-weight-gradient/subgroup.wgsl'],
  libraries,
  features: ['subgroups'],
  constants: { ...constants, ROWS_4: subgroupRows.map((rows) => rows / 4) },
  bindings: bindings('vec4f'),
  params: vectorParams,
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: ({ parts, rows4, cout4 }, { SUBGROUP_SIZE, ROWS_4 }) => [
    Math.ceil(cout4 / Number(SUBGROUP_SIZE)),
    Math.ceil(rows4 / Number(ROWS_4)),
    partCount(parts),
  ],
  cost: (p) => cost(p, 4 * p.rows4, 4 * p.cin4, 4 * p.cout4),
});

export const conv2dWeightGradientTiled = defineKernel({
  name: 'conv2d-weight-gradient/tiled',
  source: shaders['conv2d-weight-gradient/tiled.wgsl'],
  libraries,
  constants,
  bindings: bindings('vec4f'),
  params: vectorParams,
  workgroup: () => [64, 1, 1],
  grid: ({ parts, rows4, cout4 }) => [Math.ceil((Math.ceil(rows4 / 4) * cout4) / 64), 1, partCount(parts)],
  cost: (p) => cost(p, 4 * p.rows4, 4 * p.cin4, 4 * p.cout4),
});

export const conv2dWeightGradientShared = defineKernel({
  name: 'conv2d-weight-gradient/shared',
  source: shaders['conv2d-weight-gradient/shared.wgsl'],
  libraries,
  constants,
  bindings: bindings('vec4f'),
  params: vectorParams,
  workgroup: () => [16, 8, 1],
  workgroupBytes: () => 2 * 16 * 16 * 16,
  grid: ({ parts, rows4, cout4 }) => [Math.ceil(cout4 / 16), Math.ceil(rows4 / 16), partCount(parts)],
  cost: (p) => cost(p, 4 * p.rows4, 4 * p.cin4, 4 * p.cout4),
});

export const conv2dWeightGradientScalar = defineKernel({
  name: 'conv2d-weight-gradient/scalar',
  source: shaders['conv2d-weight-gradient/scalar.wgsl'],
  constants,
  bindings: bindings('f32'),
  params: scalarParams,
  workgroup: () => [64, 1, 1],
  grid: ({ parts, rows, cout }) => [...foldGrid(Math.ceil((rows * cout) / 64)), partCount(parts)],
  cost: (p) => cost(p, p.rows, p.cin, p.cout),
});

const taps = ({ kernelHeight, kernelWidth }: Conv2dGeometry) => kernelHeight * kernelWidth;
const needsVectors = ({ cin, cout, height, width }: Conv2dGeometry) => {
  if (cin % 4 !== 0 || cout % 4 !== 0) return 'takes channels in multiples of 4';
  return cin * height * width > 0 ? undefined : 'takes no empty input';
};

type WeightGradientVariant = Variant<Conv2dGeometry> & {
  /** Bytes of an element of x, the gradient and out. */
  readonly elementBytes: number;
  readonly params: (shape: Conv2dGeometry) => Record<string, number>;
};
const weightAlone = { STRIP: stripPixels, BIAS_SUMS: false };
const vector = {
  constants: () => weightAlone,
  refuses: needsVectors,
  elementBytes: 16,
  params: (shape: Conv2dGeometry) => ({
    cin4: shape.cin / 4,
    cout4: shape.cout / 4,
    rows4: (taps(shape) * shape.cin) / 4,
  }),
};

export const conv2dWeightGradientFamily: Family<Conv2dGeometry, WeightGradientVariant> = {
  name: 'conv2d-weight-gradient',
  variants: [
    ...subgroupRows.map((rows) => ({
      ...vector,
      name: subgroupRowsName(rows),
      kernel: conv2dWeightGradientSubgroup,
      constants: () => ({ ...vector.constants(), ROWS_4: rows / 4 }),
    })),
    { name: 'tiled', kernel: conv2dWeightGradientTiled, ...vector },
    {
      name: 'scalar',
      kernel: conv2dWeightGradientScalar,
      constants: () => weightAlone,
      elementBytes: 4,
      params: (shape) => ({ cin: shape.cin, cout: shape.cout, rows: taps(shape) * shape.cin }),
    },
    { name: 'shared', kernel: conv2dWeightGradientShared, ...vector },
  ],
  prefer: (variants, capabilities, shape) => {
    const { batch, height, width, cin, cout } = shape;
    const pixels = batch * height * width;
    const useful = withoutIdleLanes(variants, capabilities, cout);
    return capabilities.software
      ? preferSubgroupRows(useful, capabilities, pixels)
      : preferSharedTiles(useful, { rows: taps(shape) * cin, columns: cout, depth: pixels });
  },
};

/**
 * Records out[kh, kw, Cin, Cout] = Σ over output pixels of x at each tap times the gradient: the gradient of a
 * convolution's weight; of a matrix product's right-hand side where the kernel is 1×1. With `biasOut` also that of its bias,
 * Σ over output pixels of the gradient. The pixels are summed in up to 64 parts per piece of the images that fits a binding,
 * and these sums in order: the same bits every time.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`, `out-of-memory`
 */
export function conv2dWeightGradient(
  device: Device,
  buffers: Conv2dWeightGradientBuffers,
  shape: Conv2dGeometry,
): void {
  const weights = taps(shape) * shape.cin * shape.cout;
  const pixels = shape.batch * shape.height * shape.width;
  const variant = weights === 0 ? undefined : pick(conv2dWeightGradientFamily, device, shape);
  if (!variant || pixels === 0) {
    withoutProducts(device, buffers, shape);
    return;
  }
  const pieces = piecesOf(device, buffers, shape, variant.elementBytes);
  const { maxStorageBufferBindingSize: limit, minStorageBufferOffsetAlignment: alignment } =
    device.capabilities.limits;
  const parts = pieces.map((piece) => partsOf(piece.pixels, weights, limit - alignment));
  const total = parts.reduce((sum, count) => sum + count, 0);
  const { biasOut } = buffers;
  const inParts = (out: GpuBuffer, count: number) =>
    total === 1 ? out : device.allocate(4 * total * count, 'conv2dWeightGradient');
  const sums = inParts(buffers.out, weights);
  let biasSums: GpuBuffer | undefined;
  try {
    biasSums = biasOut && inParts(biasOut, shape.cout);
    let firstPart = 0;
    for (const [index, { x, gradient, pixels: piecePixels, params }] of pieces.entries()) {
      const count = parts[index] as number;
      const start = 4 * firstPart * weights;
      const skipped = start % alignment;
      const size = skipped + 4 * count * weights;
      device.dispatch(variant.kernel, {
        buffers: { x, gradient, out: { buffer: sums, offset: start - skipped, size }, bias_sums: biasSums },
        params: {
          ...params,
          parts: 256 * firstPart + count,
          strips: (piecePixels / params.out_width) * Math.ceil(params.out_width / stripPixels),
          kernel_width: shape.kernelWidth,
          out_offset: skipped / variant.elementBytes,
          ...variant.params(shape),
        },
        constants: { ...variant.constants(shape), BIAS_SUMS: biasOut !== undefined },
      });
      firstPart += count;
    }
    if (total === 1) return;
    addUp(device, sums, buffers.out, [total, weights]);
    if (biasOut && biasSums) addUp(device, biasSums, biasOut, [total, shape.cout]);
  } finally {
    if (sums !== buffers.out) sums.release();
    if (biasSums !== biasOut) biasSums?.release();
  }
}

/** Where there are no weights or no pixels. */
function withoutProducts(
  device: Device,
  { x, gradient, out, biasOut }: Conv2dWeightGradientBuffers,
  shape: Conv2dGeometry,
): void {
  const { height, width } = conv2dOutputSize(shape);
  addUp(device, x, out, [0, taps(shape) * shape.cin * shape.cout]);
  if (biasOut) addUp(device, gradient, biasOut, [shape.batch * height * width, shape.cout]);
}

function addUp(device: Device, x: GpuBuffer, out: GpuBuffer, sizes: readonly [number, number]): void {
  if (sizes[1] > 0) reduce(device, { x, out }, { reduction: 'sum', sizes, axes: [0] });
}

/** Pixels that are worth a part of their own. */
const pixelsPerPart = 256;
/** Enough workgroups for a large device at one tile of the weight. */
const mostParts = 64;
/** Bytes that partial sums may take, unless one is larger. */
const mostPartBytes = 16 * 2 ** 20;

function partsOf(pixels: number, weights: number, bindingLimit: number): number {
  const fitting = Math.floor(Math.min(mostPartBytes, bindingLimit) / (4 * weights));
  return Math.max(1, Math.min(mostParts, Math.ceil(pixels / pixelsPerPart), fitting));
}

interface GradientPiece {
  readonly x: BufferRange;
  readonly gradient: BufferRange;
  /** Output pixels. */
  readonly pixels: number;
  readonly params: Readonly<
    Record<'height' | 'width' | 'out_height' | 'out_width' | 'stride' | 'pad_top' | 'pad_left', number>
  > & { readonly x_offset: number; readonly gradient_offset: number };
}

function piecesOf(
  device: Device,
  { x, gradient }: Conv2dWeightGradientBuffers,
  shape: Conv2dGeometry,
  elementBytes: number,
): GradientPiece[] {
  const op = 'conv2dWeightGradient';
  if (!conv2dIsMatmul(shape)) {
    const pieces = conv2dPieces(op, device.capabilities.limits, { x, out: gradient }, shape, elementBytes);
    return pieces.map((piece) => {
      const { out_offset, ...params } = piece.params;
      return {
        x: piece.x,
        gradient: piece.out,
        pixels: piece.outRows * params.out_width,
        params: { ...params, gradient_offset: out_offset },
      };
    });
  }
  const { batch, height, width, cin, cout } = shape;
  const bytes = [4 * cin, 4 * cout] as const;
  return rowBands(op, batch * height * width, bytes, device.capabilities.limits).map((band) => ({
    x: bandRange(x, band, bytes[0]),
    gradient: bandRange(gradient, band, bytes[1]),
    pixels: band.count,
    params: {
      height: 1,
      width: band.count,
      out_height: 1,
      out_width: band.count,
      stride: 1,
      pad_top: 0,
      pad_left: 0,
      x_offset: 0,
      gradient_offset: 0,
    },
  }));
}
