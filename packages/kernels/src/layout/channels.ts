import type { Limits } from '../capabilities.ts';
import { type Access, type Region, splitRegion, windowOf } from '../regions/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** Channel planes [batch, planes, pixels] on one side, pixels of channels [batch, pixels, channels] on the other. */
export interface ChannelsShape {
  readonly batch: number;
  /** Channels of the channels-first side. */
  readonly planes: number;
  /** Height · width. */
  readonly pixels: number;
  /** Channels of the channels-last side, at least `planes`; those past `planes` are padding. */
  readonly channels: number;
}

type Sized = ChannelsShape & { readonly fourPlanesFit: boolean };

const params = {
  count: 'u32',
  pixels: 'u32',
  groups: 'u32',
  channels: 'u32',
  x_first: 'u32',
  x_batch: 'u32',
  x_plane: 'u32',
  out_first: 'u32',
  out_batch: 'u32',
  out_pixel: 'u32',
} as const;
const firstParams = {
  count: 'u32',
  pixels: 'u32',
  groups: 'u32',
  channels: 'u32',
  x_first: 'u32',
  x_batch: 'u32',
  x_pixel: 'u32',
  out_first: 'u32',
  out_batch: 'u32',
  out_plane: 'u32',
} as const;

const shared = {
  workgroup: (): Grid => [64, 1, 1],
  grid: ({ count }: { count: number }) => foldGrid(Math.ceil(count / 64)),
} as const;

export const toChannelsLastVector = defineKernel({
  ...shared,
  name: 'layout/to-channels-last',
  source: shaders['layout/to-channels-last.wgsl'],
  bindings: { x: read('f32'), out: write('vec4f') },
  params,
  cost: ({ count }) => ({ flops: 0, bytes: 32 * count }),
});

export const toChannelsLastScalar = defineKernel({
  ...shared,
  name: 'layout/to-channels-last-scalar',
  source: shaders['layout/to-channels-last-scalar.wgsl'],
  bindings: { x: read('f32'), out: write('f32') },
  params,
  cost: ({ count }) => ({ flops: 0, bytes: 8 * count }),
});

export const toChannelsFirstVector = defineKernel({
  ...shared,
  name: 'layout/to-channels-first',
  source: shaders['layout/to-channels-first.wgsl'],
  bindings: { x: read('vec4f'), out: write('f32') },
  params: firstParams,
  cost: ({ count }) => ({ flops: 0, bytes: 32 * count }),
});

export const toChannelsFirstScalar = defineKernel({
  ...shared,
  name: 'layout/to-channels-first-scalar',
  source: shaders['layout/to-channels-first-scalar.wgsl'],
  bindings: { x: read('f32'), out: write('f32') },
  params: firstParams,
  cost: ({ count }) => ({ flops: 0, bytes: 8 * count }),
});

type LayoutVariant = Variant<Sized> & { readonly width: 1 | 4 };
const none = () => ({});
const refuseVectors = ({ channels, fourPlanesFit }: Sized) => {
  if (channels % 4 !== 0) return 'takes channels in multiples of 4';
  return fourPlanesFit ? undefined : 'takes planes of which four fit one binding';
};

export const toChannelsLastFamily: Family<Sized, LayoutVariant> = {
  name: 'to-channels-last',
  variants: [
    { name: 'vector', kernel: toChannelsLastVector, constants: none, width: 4, refuses: refuseVectors },
    { name: 'scalar', kernel: toChannelsLastScalar, constants: none, width: 1 },
  ],
};

export const toChannelsFirstFamily: Family<Sized, LayoutVariant> = {
  name: 'to-channels-first',
  variants: [
    { name: 'vector', kernel: toChannelsFirstVector, constants: none, width: 4, refuses: refuseVectors },
    { name: 'scalar', kernel: toChannelsFirstScalar, constants: none, width: 1 },
  ],
};

export interface LayoutBuffers {
  readonly x: GpuBuffer;
  readonly out: GpuBuffer;
}

/**
 * Records out[b, p, c] = x[b, c, p], zero for c ≥ planes; in pieces where an operand exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function toChannelsLast(device: Device, { x, out }: LayoutBuffers, shape: ChannelsShape): void {
  const { limits } = device.capabilities;
  const { batch, planes, pixels, channels } = shape;
  const sized = withFit(shape, limits);
  const { width, kernel } = pick(toChannelsLastFamily, device, sized);
  const { planar, pixelwise } = accesses(shape, width);
  const groups = channels / width;
  if (batch * groups * pixels === 0) return;
  for (const region of splitRegion('toChannelsLast', [batch, groups, pixels], [planar, pixelwise], limits)) {
    const left = planes - (region.origin[1] ?? 0) * width;
    // Groups of nothing but padding read no plane; any that exists will do for their binding.
    const from = windowOf(x, planar, left > 0 ? region : { ...region, origin: [0, 0, 0] }, limits);
    const to = windowOf(out, pixelwise, region, limits);
    device.dispatch(kernel, {
      buffers: { x: from.range, out: to.range },
      params: {
        ...extents(region),
        channels: Math.max(0, left),
        x_first: from.first,
        x_batch: planes * pixels,
        x_plane: pixels,
        out_first: to.first,
        out_batch: pixels * groups,
        out_pixel: groups,
      },
    });
  }
}

/**
 * Records out[b, c, p] = x[b, p, c] for c < planes; in pieces where an operand exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function toChannelsFirst(device: Device, { x, out }: LayoutBuffers, shape: ChannelsShape): void {
  const { limits } = device.capabilities;
  const { batch, planes, pixels, channels } = shape;
  const sized = withFit(shape, limits);
  const { width, kernel } = pick(toChannelsFirstFamily, device, sized);
  const { planar, pixelwise } = accesses(shape, width);
  const groups = Math.ceil(planes / width);
  if (batch * groups * pixels === 0) return;
  for (const region of splitRegion('toChannelsFirst', [batch, groups, pixels], [planar, pixelwise], limits)) {
    const from = windowOf(x, pixelwise, region, limits);
    const to = windowOf(out, planar, region, limits);
    device.dispatch(kernel, {
      buffers: { x: from.range, out: to.range },
      params: {
        ...extents(region),
        channels: planes - (region.origin[1] ?? 0) * width,
        x_first: from.first,
        x_batch: (pixels * channels) / width,
        x_pixel: channels / width,
        out_first: to.first,
        out_batch: planes * pixels,
        out_plane: pixels,
      },
    });
  }
}

function withFit(shape: ChannelsShape, limits: Limits): Sized {
  const bytes = 16 * shape.pixels + limits.minStorageBufferOffsetAlignment;
  return { ...shape, fourPlanesFit: bytes <= limits.maxStorageBufferBindingSize };
}

/** Both sides along the axes batch, channel group, pixel. */
function accesses(
  { planes, pixels, channels }: ChannelsShape,
  width: 1 | 4,
): { planar: Access; pixelwise: Access } {
  const groups = channels / width;
  return {
    planar: {
      first: 0,
      strides: [planes * pixels, width * pixels, 1],
      elementBytes: 4,
      reach: (width - 1) * pixels + 1,
    },
    pixelwise: { first: 0, strides: [pixels * groups, 1, groups], elementBytes: 4 * width },
  };
}

function extents({ sizes: [batch = 0, groups = 0, pixels = 0] }: Region) {
  return { count: batch * groups * pixels, groups, pixels };
}
