import { max, mean, openScope, sum, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result and of partial results included. */
const reduceCase = (name: string, shape: readonly number[], run: (x: Tensor) => Tensor): BenchCase => ({
  name: `${name} of ${shape.join('×')}`,
  async setup(device) {
    const scope = openScope(device);
    const count = shape.reduce((a, b) => a * b, 1);
    const x = scope.tensor(
      Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
      shape,
    );
    return { run: () => run(x).dispose(), flops: count, bytes: 4 * count, dispose: () => scope.dispose() };
  },
});

export const cases: BenchCase[] = [
  reduceCase('sum', [2 ** 20], sum),
  reduceCase('mean over channels', [4096, 180], (x) => mean(x, { axes: [-1] })),
  reduceCase('sum over rows', [4096, 180], (x) => sum(x, { axes: [0] })),
  reduceCase('max over pixels', [4, 64, 64, 60], (x) => max(x, { axes: [1, 2] })),
];
