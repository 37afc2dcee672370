import { reduce } from '../reduce/index.ts';
import type { Device, GpuBuffer } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';
import { pieces, type Segment } from './order.ts';

export const squareSum = defineKernel({
  name: 'optim/square-sum',
  source: shaders['optim/square-sum.wgsl'],
  bindings: { x: read('vec4f'), out: write('f32') },
  params: { count: 'u32', width: 'u32', out_first: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ width }) => foldGrid(Math.ceil(width / 64)),
  cost: ({ count, width }) => ({ flops: 8 * count, bytes: 16 * count + 4 * width }),
});

export const clipFactor = defineKernel({
  name: 'optim/clip',
  source: shaders['optim/clip.wgsl'],
  bindings: { sum: read('f32'), result: write('f32') },
  params: { max_norm: 'f32' },
  workgroup: () => [1, 1, 1],
  grid: () => [1, 1, 1],
  cost: () => ({ flops: 3, bytes: 12 }),
});

/** Partial sums of one piece: enough lanes for a large GPU, few enough that summing them up costs nothing beside. */
const partialsOf = (count: number) => Math.min(16_384, 4 * Math.ceil(count / 64));

/**
 * Records the Euclidean norm of all segments together and the factor min(1, maxNorm / (norm + 1e-6)) into the two
 * elements of `result`. No atomics: the same device gives the same bits.
 * @throws AllocationError `out-of-memory`
 */
export function gradientNorm(
  device: Device,
  segments: readonly Segment[],
  result: GpuBuffer,
  maxNorm: number,
): void {
  const parts = segments.flatMap((x) => [...pieces('gradientNorm', device, x.size, { x })]);
  const partials = parts.reduce((sum, { count }) => sum + partialsOf(count), 0);
  const sums = device.allocate(4 * partials, 'gradientNorm');
  const sum = device.allocate(4, 'gradientNorm');
  let before = 0;
  for (const { ranges, count } of parts) {
    const width = partialsOf(count);
    device.dispatch(squareSum, {
      buffers: { ...ranges, out: sums },
      params: { count, width, out_first: before },
    });
    before += width;
  }
  reduce(device, { x: sums, out: sum }, { reduction: 'sum', sizes: [partials], axes: [0] });
  device.dispatch(clipFactor, { buffers: { sum, result }, params: { max_norm: maxNorm } });
  sums.release();
  sum.release();
}
