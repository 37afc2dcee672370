import type { Activation } from '@lua-webgpu/kernels';
import { matmul, openScope } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
const matmulCase = (
  rows: number,
  k: number,
  n: number,
  activation: Activation = { kind: 'none' },
): BenchCase => ({
  name: `matmul ${rows}×${k}×${n}${activation.kind === 'none' ? '' : ` + ${activation.kind}`}`,
  async setup(device) {
    const scope = openScope(device);
    const values = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
    const a = scope.tensor(values(rows * k), [rows, k]);
    const b = scope.tensor(values(k * n), [k, n]);
    const bias = scope.tensor(values(n), [n]);
    return {
      run: () => matmul(a, b, { bias, activation }).dispose(),
      flops: 2 * rows * k * n,
      bytes: 4 * (rows * k + k * n + rows * n),
      dispose: () => scope.dispose(),
    };
  },
});

export const cases: BenchCase[] = [
  matmulCase(512, 512, 512),
  matmulCase(4096, 180, 180),
  matmulCase(4096, 60, 60),
  matmulCase(4096, 60, 120, { kind: 'gelu' }),
];
