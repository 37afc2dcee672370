import { abs, l1Loss, l1LossGradient, mean, openScope, sub, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result and of partial results included. */
const pairCase = (
  name: string,
  count: number,
  written: number,
  run: (x: Tensor, y: Tensor, scalar: Tensor) => Tensor,
): BenchCase => ({
  name: `${name} of ${count}`,
  async setup(device) {
    const scope = openScope(device);
    const operand = (phase: number) =>
      scope.tensor(
        Float32Array.from({ length: count }, (_, i) => Math.sin(i + phase)),
        [count],
      );
    const [x, y, scalar] = [operand(0), operand(1), scope.tensor([1], [])];
    return {
      run() {
        using inner = scope.child();
        run(inner.borrow(x), y, scalar);
      },
      flops: 3 * count,
      bytes: 4 * count * (2 + written),
      dispose: () => scope.dispose(),
    };
  },
});

const batch = 8 * 16 * 64 * 64;

export const cases: BenchCase[] = [
  pairCase('L1 loss', batch, 0, l1Loss),
  pairCase('L1 loss by sub, abs, mean', batch, 0, (x, y) => mean(abs(sub(x, y)))),
  pairCase('gradient of the L1 loss', batch, 1, l1LossGradient),
];
