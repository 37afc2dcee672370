import { type Device, pick } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';
import { bothOrders, orderLibrary, pieces, type Segment } from './order.ts';

export const averageKernel = defineKernel({
  name: 'optim/average',
  source: shaders['optim/average.wgsl'],
  libraries: orderLibrary,
  constants: { ADJACENT: [false, true] },
  bindings: { average: write('vec4f'), x: read('vec4f') },
  params: { count: 'u32', decay: 'f32', rest: 'f32' },
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  cost: ({ count }) => ({ flops: 12 * count, bytes: 3 * 16 * count }),
});

export const averageFamily = bothOrders('average', averageKernel, (_: object) => ({}));

/** Records average = decay · average + (1 − decay) · x over segments of `bytes` bytes. @throws KernelError `kernel-forced` */
export function movingAverage(
  device: Device,
  segments: { readonly average: Segment; readonly x: Segment },
  bytes: number,
  decay: number,
): void {
  const variant = pick(averageFamily, device, {});
  for (const { ranges, count } of pieces('average', device, bytes, segments)) {
    device.dispatch(variant.kernel, {
      buffers: ranges,
      params: { count, decay, rest: 1 - decay },
      constants: variant.constants({}),
    });
  }
}
