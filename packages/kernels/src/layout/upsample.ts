import { type Access, splitRegion, windowOf } from '../regions/index.ts';
import { type Device, type Family, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';
import type { LayoutBuffers } from './channels.ts';

/** [batch, height, width, channels] to [batch, factor·height, factor·width, channels]. */
export interface UpsampleNearestShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly factor: number;
}

const kernelOf = <const E extends 'vec4f' | 'f32'>(name: string, element: E, bytes: number) =>
  defineKernel({
    name,
    source: shaders['layout/upsample-nearest.wgsl'],
    bindings: { x: read(element), out: write(element) },
    params: { count: 'u32', width: 'u32', channels: 'u32', factor: 'u32', x_first: 'u32', out_first: 'u32' },
    workgroup: () => [64, 1, 1],
    grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
    cost: ({ count, factor }) => ({ flops: 0, bytes: bytes * count * (1 + factor * factor) }),
  });

export const upsampleNearestVector = kernelOf('layout/upsample-nearest-vector', 'vec4f', 16);
export const upsampleNearestScalar = kernelOf('layout/upsample-nearest', 'f32', 4);

type UpsampleVariant = Variant<UpsampleNearestShape> & { readonly elementWidth: 1 | 4 };

export const upsampleNearestFamily: Family<UpsampleNearestShape, UpsampleVariant> = {
  name: 'upsample-nearest',
  variants: [
    {
      name: 'vector',
      kernel: upsampleNearestVector,
      constants: () => ({}),
      refuses: ({ channels }) => (channels % 4 === 0 ? undefined : 'takes channels in multiples of 4'),
      elementWidth: 4,
    },
    { name: 'scalar', kernel: upsampleNearestScalar, constants: () => ({}), elementWidth: 1 },
  ],
};

/**
 * Records a nearest-neighbour enlargement by a whole factor, in bands of rows where an operand exceeds one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when one enlarged row does not fit
 */
export function upsampleNearest(device: Device, buffers: LayoutBuffers, shape: UpsampleNearestShape): void {
  const { batch, height, width, factor } = shape;
  const { limits } = device.capabilities;
  const { kernel, elementWidth } = pick(upsampleNearestFamily, device, shape);
  const channels = shape.channels / elementWidth;
  const row = width * channels;
  if (batch * height * row === 0) return;
  const elementBytes = 4 * elementWidth;
  const x: Access = { first: 0, strides: [row], elementBytes, reach: row };
  const outRow = factor * factor * row;
  const out: Access = { first: 0, strides: [outRow], elementBytes, reach: outRow };
  for (const region of splitRegion('upsampleNearest', [batch * height], [x, out], limits)) {
    const from = windowOf(buffers.x, x, region, limits);
    const to = windowOf(buffers.out, out, region, limits);
    device.dispatch(kernel, {
      buffers: { x: from.range, out: to.range },
      params: {
        count: (region.sizes[0] ?? 0) * row,
        width,
        channels,
        factor,
        x_first: from.first,
        out_first: to.first,
      },
    });
  }
}
