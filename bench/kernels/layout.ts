import {
  openScope,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
  upsampleNearest2d,
} from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
const layoutCase = (name: string, shape: readonly number[], run: (x: Tensor) => Tensor): BenchCase => ({
  name: `${name} ${shape.join('×')}`,
  async setup(device) {
    const scope = openScope(device);
    const x = scope.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
    const probe = run(x);
    const bytes = 4 * (x.size + probe.size);
    probe.dispose();
    return { run: () => run(x).dispose(), flops: 0, bytes, dispose: () => scope.dispose() };
  },
});

export const cases: BenchCase[] = [
  layoutCase('to channels-last', [1, 60, 128, 128], toChannelsLast),
  layoutCase('to channels-last, padded', [1, 3, 512, 512], (x) => toChannelsLast(x, { channels: 4 })),
  layoutCase('to channels-first', [1, 128, 128, 60], toChannelsFirst),
  layoutCase('to channels-first, padding dropped', [1, 512, 512, 4], (x) =>
    toChannelsFirst(x, { channels: 3 }),
  ),
  layoutCase('nearest ×2', [1, 64, 64, 64], (x) => upsampleNearest2d(x, { factor: 2 })),
];
