import { extremumGradient, openScope, softmax, softmaxGradient, sum, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Ops on rows, through the tensor API, allocation of the result included; `bytes` those of x, y and the result. */
const rowsCase = (
  name: string,
  [rows, length]: readonly [number, number],
  operands: number,
  run: (x: Tensor, y: Tensor, perRow: Tensor) => Tensor,
): BenchCase => ({
  name: `${name} ${rows}×${length}`,
  async setup(device) {
    const scope = openScope(device);
    const count = rows * length;
    const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
    const x = scope.tensor(values, [rows, length]);
    const y = softmax(x);
    const perRow = sum(x, { axes: [1] });
    return {
      run: () => run(x, y, perRow).dispose(),
      flops: 5 * count,
      bytes: 4 * (operands + 1) * count,
      dispose: () => scope.dispose(),
    };
  },
});

export const cases: BenchCase[] = [
  rowsCase('softmax', [4096, 256], 1, softmax),
  rowsCase('softmax', [1024, 4096], 1, softmax),
  rowsCase('gradient of softmax', [4096, 256], 2, (x, y) => softmaxGradient(y, x)),
  rowsCase('gradient of max', [4096, 256], 1, (x, _y, perRow) => extremumGradient(x, perRow, 'max')),
];
