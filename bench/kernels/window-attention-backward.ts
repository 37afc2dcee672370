import { openScope, windowAttentionAndTableGradients, windowAttentionStatistics } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

interface Sizes {
  readonly side: number;
  readonly heads: number;
  /** As the model pads it. */
  readonly headDim: number;
  readonly window: number;
  readonly shift: number;
}

/** Everything that the backward pass of one attention records, allocation included. */
function backwardCase({ side, heads, headDim, window, shift }: Sizes): BenchCase {
  const windows = (side / window) ** 2;
  return {
    name: `window attention backward ${windows} windows × ${heads} heads × ${window ** 2} × ${headDim}`,
    async setup(device) {
      const scope = openScope(device);
      const random = (...shape: number[]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return scope.tensor(
          Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
          shape,
        );
      };
      const qkv = random(1, side, side, 3 * heads * headDim);
      const table = random((2 * window - 1) ** 2, heads);
      const gradient = random(1, side, side, heads * headDim);
      const out = random(1, side, side, heads * headDim);
      const logSums = random(1, side, side, heads);
      const attributes = { heads, window, shift, scale: headDim ** -0.5 };
      const size = side * side * heads * headDim;
      return {
        run() {
          using statistics = windowAttentionStatistics(out, gradient, logSums);
          const gradients = windowAttentionAndTableGradients(qkv, table, gradient, statistics, attributes);
          gradients.qkv.dispose();
          gradients.table.dispose();
        },
        // Products of rows per pair of tokens: 3 for q and the table, 4 for k and v.
        flops: 14 * size * window ** 2,
        bytes: 36 * size,
        dispose: () => scope.dispose(),
      };
    },
  };
}

export const cases: BenchCase[] = [
  backwardCase({ side: 64, heads: 6, headDim: 32, window: 8, shift: 4 }),
  backwardCase({ side: 64, heads: 6, headDim: 12, window: 8, shift: 4 }),
];
