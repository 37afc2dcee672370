import { gaussianBlur, openScope, patchVariance, scharr, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
const filterCase = (
  name: string,
  channels: number,
  work: { readonly flops: number; readonly results: number },
  run: (x: Tensor) => Tensor,
): BenchCase => ({
  name: `${name} 256²×${channels}`,
  async setup(device) {
    const scope = openScope(device);
    const count = 256 * 256 * channels;
    const x = scope.tensor(new Float32Array(count).fill(1), [1, 256, 256, channels]);
    return {
      run: () => run(x).dispose(),
      flops: work.flops * count,
      bytes: 4 * count * (1 + work.results),
      dispose: () => scope.dispose(),
    };
  },
});

const blur = (x: Tensor) => gaussianBlur(x, { kernelSize: 5, sigma: 1 });

export const cases: BenchCase[] = [
  filterCase('gaussian 5 taps', 3, { flops: 20, results: 1 }, blur),
  filterCase('gaussian 5 taps', 16, { flops: 20, results: 1 }, blur),
  filterCase('scharr', 1, { flops: 14, results: 2 }, scharr),
  filterCase('variance of 3×3 patches', 1, { flops: 4, results: 1 / 9 }, (x) =>
    patchVariance(x, { size: 3 }),
  ),
];
