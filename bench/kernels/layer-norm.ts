import { layerNorm, openScope } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
function layerNormCase(rows: number, channels: number): BenchCase {
  return {
    name: `layer norm ${rows}×${channels}`,
    async setup(device) {
      const scope = openScope(device);
      const values = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
      const x = scope.tensor(values(rows * channels), [rows, channels]);
      const weight = scope.tensor(values(channels), [channels]);
      const bias = scope.tensor(values(channels), [channels]);
      return {
        run: () => layerNorm(x, weight, bias).dispose(),
        flops: 8 * rows * channels,
        bytes: 8 * rows * channels,
        dispose: () => scope.dispose(),
      };
    },
  };
}

export const cases: BenchCase[] = [
  layerNormCase(4096, 180),
  layerNormCase(4096, 60),
  layerNormCase(1024, 360),
];
