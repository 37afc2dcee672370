import { concat, openScope, permute, slice, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
const moveCase = (name: string, shape: readonly number[], run: (x: Tensor) => Tensor): BenchCase => ({
  name: `${name} ${shape.join('×')}`,
  async setup(device) {
    const scope = openScope(device);
    const x = scope.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
    const probe = run(x);
    const bytes = 8 * probe.size;
    probe.dispose();
    return { run: () => run(x).dispose(), flops: 0, bytes, dispose: () => scope.dispose() };
  },
});

export const cases: BenchCase[] = [
  moveCase('transpose', [1024, 1024], (x) => permute(x, [1, 0])),
  moveCase('permute middle axes', [64, 64, 4, 60], (x) => permute(x, [0, 2, 1, 3])),
  moveCase('slice', [1, 128, 128, 60], (x) => slice(x, [0, 32, 32, 0], [1, 64, 64, 60])),
  moveCase('slice of planes', [1, 60, 128, 128], (x) => slice(x, [0, 0, 32, 32], [1, 60, 64, 64])),
  moveCase('concat of channels', [4096, 60], (x) => concat([x, x, x], 1)),
];
