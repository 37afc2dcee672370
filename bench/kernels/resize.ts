import { openScope, resize2d } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
const resizeCase = (
  from: number,
  to: number,
  channels: number,
  options: { readonly mode: 'bilinear' | 'bicubic'; readonly antialias: boolean },
): BenchCase => ({
  name: `${options.mode}${options.antialias ? ' antialiased' : ''} ${from}²→${to}²×${channels}`,
  async setup(device) {
    const scope = openScope(device);
    const x = scope.tensor(new Float32Array(from * from * channels).fill(1), [1, from, from, channels]);
    const taps = (options.mode === 'bicubic' ? 4 : 2) * (options.antialias ? Math.max(1, from / to) : 1);
    return {
      run: () => resize2d(x, { height: to, width: to, ...options }).dispose(),
      flops: 2 * taps * channels * to * (Math.min(from, to) + to),
      bytes: 4 * channels * (from * from + to * to),
      dispose: () => scope.dispose(),
    };
  },
});

export const cases: BenchCase[] = [
  resizeCase(64, 128, 16, { mode: 'bicubic', antialias: false }),
  resizeCase(64, 128, 16, { mode: 'bilinear', antialias: false }),
  resizeCase(256, 128, 3, { mode: 'bicubic', antialias: true }),
];
