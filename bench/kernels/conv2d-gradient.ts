import { conv2dParameterGradients, openScope, pad2dGradient } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

const values = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));

/** Gradients of weight and bias through the tensor API, the sum of the partial results included. */
function weightCase(side: number, cin: number, cout: number, kernel: 1 | 3 = 3): BenchCase {
  return {
    name: `conv ${kernel}×${kernel} ${side}² ${cin}→${cout} weight and bias gradient`,
    async setup(device) {
      const scope = openScope(device);
      const x = scope.tensor(values(side * side * cin), [1, side, side, cin]);
      const gradient = scope.tensor(values(side * side * cout), [1, side, side, cout]);
      const size = (kernel - 1) / 2;
      const options = {
        kernelHeight: kernel,
        kernelWidth: kernel,
        stride: 1,
        padding: { top: size, bottom: size, left: size, right: size },
      };
      return {
        run() {
          const { weight, bias } = conv2dParameterGradients(x, gradient, options);
          weight.dispose();
          bias.dispose();
        },
        flops: 2 * side ** 2 * kernel ** 2 * cin * cout,
        bytes: 4 * (side ** 2 * (cin + cout) + kernel ** 2 * cin * cout),
        dispose: () => scope.dispose(),
      };
    },
  };
}

const padCase: BenchCase = {
  name: 'pad gradient 64² × 64 + 8, reflect',
  async setup(device) {
    const scope = openScope(device);
    const gradient = scope.tensor(values(72 * 72 * 64), [1, 72, 72, 64]);
    const image = { height: 64, width: 64, top: 0, left: 0, mode: 'reflect' } as const;
    return {
      run: () => pad2dGradient(gradient, image).dispose(),
      flops: 72 * 72 * 64,
      bytes: 4 * 64 * (72 * 72 + 64 * 64),
      dispose: () => scope.dispose(),
    };
  },
};

export const cases: BenchCase[] = [
  weightCase(64, 60, 60),
  weightCase(64, 180, 180),
  weightCase(128, 64, 4),
  weightCase(64, 60, 180, 1),
  padCase,
];
