import { openScope, windowAttention } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

interface Sizes {
  readonly side: number;
  readonly heads: number;
  /** As the model pads it; `scale` is of the true dimension. */
  readonly headDim: number;
  readonly window: number;
  readonly shift: number;
}

/** Through the tensor API, allocation of the result included. */
function attentionCase({ side, heads, headDim, window, shift }: Sizes): BenchCase {
  const windows = (side / window) ** 2;
  return {
    name: `window attention ${windows} windows × ${heads} heads × ${window ** 2} × ${headDim}${shift > 0 ? ' shifted' : ''}`,
    async setup(device) {
      const scope = openScope(device);
      const values = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
      const size = side * side * heads * headDim;
      const qkv = scope.tensor(values(3 * size), [1, side, side, 3 * heads * headDim]);
      const entries = (2 * window - 1) ** 2;
      const table = scope.tensor(values(entries * heads), [entries, heads]);
      const attributes = { heads, window, shift, scale: headDim ** -0.5 };
      return {
        run: () => windowAttention(qkv, table, attributes).dispose(),
        flops: 4 * size * window ** 2,
        bytes: 16 * size,
        dispose: () => scope.dispose(),
      };
    },
  };
}

export const cases: BenchCase[] = [
  attentionCase({ side: 64, heads: 6, headDim: 32, window: 8, shift: 0 }),
  attentionCase({ side: 64, heads: 6, headDim: 32, window: 8, shift: 4 }),
  attentionCase({ side: 64, heads: 6, headDim: 12, window: 8, shift: 4 }),
  attentionCase({ side: 32, heads: 12, headDim: 32, window: 16, shift: 8 }),
];
