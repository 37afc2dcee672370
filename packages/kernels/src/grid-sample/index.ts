import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { type AnyKernel, defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

export type GridSampleMode = 'nearest' | 'bilinear' | 'bicubic';

/** x [B, H, W, C] sampled at grid [B, Ho, Wo, 2]: out [B, Ho, Wo, C]. */
export interface GridSampleShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly mode: GridSampleMode;
}

const codes = { nearest: 0, bilinear: 1, bicubic: 2 } as const;
const taps = [1, 2, 4] as const;
const tile = 8;
const workgroup = () => [64, 1, 1] as const;
const libraries = { 'grid-sample/taps.wgsl': shaders['grid-sample/taps.wgsl'] };
const constants = { VECTOR: [false, true], MODE: [0, 1, 2] };
const image = { images: 'u32', height: 'u32', width: 'u32', channels: 'u32' } as const;
const lanesOf = (vector: unknown) => (vector === true ? 4 : 1);
const tapsOf = (mode: unknown) => (taps[Number(mode)] ?? 0) ** 2;

export const gridSampleKernel = defineKernel({
  name: 'grid-sample/forward',
  source: shaders['grid-sample/forward.wgsl'],
  libraries,
  constants,
  bindings: { x: read('Element'), grid: read('vec2f'), out: write('Element') },
  params: { ...image, points: 'u32' },
  workgroup,
  grid: ({ images, points, channels }) => foldGrid(Math.ceil((images * points * channels) / 64)),
  cost: ({ images, points, channels }, { VECTOR, MODE }) => {
    const values = images * points * channels * lanesOf(VECTOR);
    return { flops: 2 * tapsOf(MODE) * values, bytes: 8 * values + 8 * images * points };
  },
});

export const gridBoundsKernel = defineKernel({
  name: 'grid-sample/bounds',
  source: shaders['grid-sample/bounds.wgsl'],
  libraries,
  constants: { MODE: [0, 1, 2] },
  bindings: { grid: read('vec2f'), bounds: write('vec4i') },
  params: { images: 'u32', height: 'u32', width: 'u32', rows: 'u32', columns: 'u32' },
  workgroup,
  grid: ({ images, rows, columns }) =>
    foldGrid(Math.ceil((images * Math.ceil(rows / tile) * Math.ceil(columns / tile)) / 64)),
  cost: ({ images, rows, columns }) => ({ flops: 0, bytes: 8 * images * rows * columns }),
});

export const gridInputGradientKernel = defineKernel({
  name: 'grid-sample/input-gradient',
  source: shaders['grid-sample/input-gradient.wgsl'],
  libraries,
  constants,
  bindings: {
    grid: read('vec2f'),
    bounds: read('vec4i'),
    gradient: read('Element'),
    out: write('Element'),
  },
  params: { ...image, rows: 'u32', columns: 'u32' },
  workgroup,
  grid: ({ images, height, width, channels }) =>
    foldGrid(Math.ceil((images * height * width * channels) / 64)),
  cost: ({ images, height, width, channels, rows, columns }, { VECTOR, MODE }) => {
    const values = images * channels * lanesOf(VECTOR);
    const read = values * rows * columns;
    return { flops: 2 * tapsOf(MODE) * read, bytes: 4 * (read + values * height * width) };
  },
});

export const gridGradientKernel = defineKernel({
  name: 'grid-sample/grid-gradient',
  source: shaders['grid-sample/grid-gradient.wgsl'],
  libraries,
  constants,
  bindings: { x: read('Element'), grid: read('vec2f'), gradient: read('Element'), out: write('vec2f') },
  params: { ...image, points: 'u32' },
  workgroup,
  grid: ({ images, points }) => foldGrid(Math.ceil((images * points) / 64)),
  cost: ({ images, points, channels }, { VECTOR, MODE }) => {
    const values = images * points * channels * lanesOf(VECTOR);
    return { flops: 2 * tapsOf(MODE) * values, bytes: 8 * values + 16 * images * points };
  },
});

type GridVariant = Variant<GridSampleShape> & { readonly lanes: number };

const family = (name: string, kernel: AnyKernel): Family<GridSampleShape, GridVariant> => ({
  name,
  variants: [
    {
      name: 'vector',
      kernel,
      constants: ({ mode }) => ({ VECTOR: true, MODE: codes[mode] }),
      refuses: ({ channels }) => (channels % 4 === 0 ? undefined : 'takes channels in multiples of 4'),
      lanes: 4,
    },
    { name: 'scalar', kernel, constants: ({ mode }) => ({ VECTOR: false, MODE: codes[mode] }), lanes: 1 },
  ],
});

export const gridSampleFamily = family('grid-sample', gridSampleKernel);
export const gridInputGradientFamily = family('grid-sample-input-gradient', gridInputGradientKernel);
export const gridGradientFamily = family('grid-sample-grid-gradient', gridGradientKernel);

/**
 * Records out = x sampled at grid. H and W are not 0.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when an operand does not fit one binding
 */
export function gridSample(
  device: Device,
  { x, grid, out }: { readonly x: GpuBuffer; readonly grid: GpuBuffer; readonly out: GpuBuffer },
  shape: GridSampleShape,
): void {
  const { batch, height, width, channels, outHeight, outWidth } = shape;
  const points = outHeight * outWidth;
  if (batch * points * channels === 0) return;
  const variant = pick(gridSampleFamily, device, shape);
  device.dispatch(gridSampleKernel, {
    buffers: { x, grid, out },
    params: { images: batch, height, width, channels: channels / variant.lanes, points },
    constants: variant.constants(shape),
  });
}

/**
 * Records out [B, H, W, C], the gradient with respect to x of Σ gradient · sampled, without scattering: each pixel
 * gathers from the tiles of the grid that read near it. Costs H·W·Ho·Wo/64 comparisons besides the work, and the work
 * H·W·Ho·Wo where neighbours in the grid are far from each other in x.
 * @throws as `gridSample`
 */
export function gridSampleInputGradient(
  device: Device,
  {
    grid,
    gradient,
    out,
  }: { readonly grid: GpuBuffer; readonly gradient: GpuBuffer; readonly out: GpuBuffer },
  shape: GridSampleShape,
): void {
  const { batch, height, width, channels, outHeight: rows, outWidth: columns, mode } = shape;
  if (batch * height * width * channels === 0) return;
  if (rows * columns === 0) {
    device.clear(out);
    return;
  }
  const variant = pick(gridInputGradientFamily, device, shape);
  const sizes = { images: batch, height, width, rows, columns };
  const tiles = batch * Math.ceil(rows / tile) * Math.ceil(columns / tile);
  const bounds = device.allocate(16 * tiles, 'gridSampleInputGradient');
  try {
    device.dispatch(gridBoundsKernel, {
      buffers: { grid, bounds },
      params: sizes,
      constants: { MODE: codes[mode] },
    });
    device.dispatch(gridInputGradientKernel, {
      buffers: { grid, bounds, gradient, out },
      params: { ...sizes, channels: channels / variant.lanes },
      constants: variant.constants(shape),
    });
  } finally {
    bounds.release();
  }
}

/**
 * Records out [B, Ho, Wo, 2], the gradient with respect to the grid of Σ gradient · sampled. H and W are not 0.
 * @throws as `gridSample`
 */
export function gridSampleGridGradient(
  device: Device,
  {
    x,
    grid,
    gradient,
    out,
  }: {
    readonly x: GpuBuffer;
    readonly grid: GpuBuffer;
    readonly gradient: GpuBuffer;
    readonly out: GpuBuffer;
  },
  shape: GridSampleShape,
): void {
  const { batch, height, width, channels, outHeight, outWidth } = shape;
  const points = outHeight * outWidth;
  if (batch * points === 0) return;
  if (channels === 0) {
    device.clear(out);
    return;
  }
  const variant = pick(gridGradientFamily, device, shape);
  device.dispatch(gridGradientKernel, {
    buffers: { x, grid, gradient, out },
    params: { images: batch, height, width, channels: channels / variant.lanes, points },
    constants: variant.constants(shape),
  });
}
