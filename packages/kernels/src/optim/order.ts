import type { Capabilities } from '../capabilities.ts';
import { type BufferRange, type Device, type Family, rowBands, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import type { AnyKernel, Constants } from '../wgsl/index.ts';

/** Part of a buffer, starting at a multiple of 256 bytes and holding whole vec4s. */
export type Segment = Exclude<BufferRange, { readonly byteLength: number }>;

export const orderLibrary = { 'optim/order.wgsl': shaders['optim/order.wgsl'] };

/** A kernel in both orders of memory accesses: `adjacent` for software adapters, `interleaved` for hardware. */
export function bothOrders<Shape, K extends AnyKernel>(
  name: string,
  kernel: K,
  constants: (shape: Shape) => Constants,
): Family<Shape, Variant<Shape> & { readonly kernel: K }> {
  const variant = (order: string, ADJACENT: boolean) => ({
    name: order,
    kernel,
    constants: (shape: Shape) => ({ ...constants(shape), ADJACENT }),
  });
  return {
    name,
    variants: [variant('adjacent', true), variant('interleaved', false)],
    prefer: (variants, { software }: Capabilities) => (software ? variants : variants.toReversed()),
  };
}

/** Pieces of equally long segments that fit one binding each, with their length in vec4s. */
export function* pieces<K extends string>(
  op: string,
  device: Device,
  bytes: number,
  segments: Readonly<Partial<Record<K, Segment | undefined>>>,
): Generator<{ readonly ranges: Partial<Record<K, Segment>>; readonly count: number }> {
  if (bytes === 0) return;
  for (const { first, count } of rowBands(op, bytes / 16, [16], device.capabilities.limits)) {
    const entries = Object.entries<Segment | undefined>(segments).map(([name, whole]) => [
      name,
      whole && { buffer: whole.buffer, offset: whole.offset + 16 * first, size: 16 * count },
    ]);
    yield { ranges: Object.fromEntries(entries) as Partial<Record<K, Segment>>, count };
  }
}
