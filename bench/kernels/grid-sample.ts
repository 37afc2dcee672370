import { gridSample, gridSampleInputGradient, openScope, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

const [from, to, channels] = [64, 128, 16];

/** From 64² to 128² pixels with 16 channels, in the order of the pixels, through the tensor API. */
const gridCase = (
  name: string,
  taps: number,
  run: (operands: { x: Tensor; grid: Tensor; gradient: Tensor }) => Tensor,
): BenchCase => ({
  name: `${name} ${from}²→${to}²×${channels}`,
  async setup(device) {
    const scope = openScope(device);
    const coordinate = (i: number) => (2 * i + 1) / to - 1;
    const points = Float32Array.from({ length: 2 * to * to }, (_, i) => {
      const point = i >> 1;
      return coordinate(i % 2 === 0 ? point % to : Math.floor(point / to));
    });
    const operands = {
      x: scope.tensor(new Float32Array(from * from * channels).fill(1), [1, from, from, channels]),
      grid: scope.tensor(points, [1, to, to, 2]),
      gradient: scope.tensor(new Float32Array(to * to * channels).fill(1), [1, to, to, channels]),
    };
    return {
      run: () => run(operands).dispose(),
      flops: 2 * taps * to * to * channels,
      bytes: 4 * channels * (from * from + to * to),
      dispose: () => scope.dispose(),
    };
  },
});

export const cases: BenchCase[] = [
  gridCase('grid sample, bilinear', 4, ({ x, grid }) => gridSample(x, grid, { mode: 'bilinear' })),
  gridCase('grid sample, bicubic', 16, ({ x, grid }) => gridSample(x, grid, { mode: 'bicubic' })),
  gridCase('gradient of the image, bilinear', 4, ({ grid, gradient }) =>
    gridSampleInputGradient(grid, gradient, { mode: 'bilinear', height: from, width: from }),
  ),
];
