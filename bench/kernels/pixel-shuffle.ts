import type { ShuffleOrder } from '@lua-webgpu/kernels';
import { openScope, pixelShuffle } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
const shuffleCase = (side: number, packed: number, factor: number, order: ShuffleOrder): BenchCase => ({
  name: `pixel shuffle ${side}² ${packed}→${packed / factor ** 2} ${order}`,
  async setup(device) {
    const scope = openScope(device);
    const count = side * side * packed;
    const x = scope.tensor(new Float32Array(count).fill(1), [1, side, side, packed]);
    return {
      run: () => pixelShuffle(x, { factor, order }).dispose(),
      flops: 0,
      bytes: 8 * count,
      dispose: () => scope.dispose(),
    };
  },
});

export const cases: BenchCase[] = [shuffleCase(64, 240, 2, 'block'), shuffleCase(64, 240, 2, 'torch')];
