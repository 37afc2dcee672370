import type { Activation } from '@lua-webgpu/kernels';
import { conv2d, openScope } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

interface Options {
  readonly kernel?: 1 | 3;
  readonly stride?: 1 | 2;
  readonly activation?: Activation;
}

/** Through the tensor API, allocation of the result included. */
function convCase(side: number, cin: number, cout: number, options: Options = {}): BenchCase {
  const { kernel = 3, stride = 1, activation = { kind: 'none' } } = options;
  const suffix = `${stride === 1 ? '' : ` stride ${stride}`}${activation.kind === 'none' ? '' : ` + ${activation.kind}`}`;
  return {
    name: `conv ${kernel}×${kernel} ${side}² ${cin}→${cout}${suffix}`,
    async setup(device) {
      const scope = openScope(device);
      const values = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
      const x = scope.tensor(values(side * side * cin), [1, side, side, cin]);
      const weight = scope.tensor(values(kernel * kernel * cin * cout), [kernel, kernel, cin, cout]);
      const bias = scope.tensor(values(cout), [cout]);
      const padding = (kernel - 1) / 2;
      const outSide = Math.ceil(side / stride);
      return {
        run: () => conv2d(x, weight, { bias, stride, padding, activation }).dispose(),
        flops: 2 * outSide ** 2 * kernel ** 2 * cin * cout,
        bytes: 4 * (side ** 2 * cin + kernel ** 2 * cin * cout + outSide ** 2 * cout),
        dispose: () => scope.dispose(),
      };
    },
  };
}

export const cases: BenchCase[] = [
  convCase(64, 60, 60),
  convCase(128, 64, 64),
  convCase(64, 180, 180),
  convCase(64, 60, 64, { activation: { kind: 'leaky-relu', slope: 0.01 } }),
  convCase(128, 64, 4),
  convCase(64, 60, 60, { kernel: 1 }),
  convCase(128, 64, 64, { stride: 2 }),
];
