import { layerNormGradient, layerNormParameterGradients, openScope } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Gradients of x, weight and bias, allocation included. */
function backwardCase(rows: number, channels: number): BenchCase {
  return {
    name: `layer norm backward ${rows}×${channels}`,
    async setup(device) {
      const scope = openScope(device);
      const random = (...shape: number[]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return scope.tensor(
          Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
          shape,
        );
      };
      const [x, weight, gradient] = [random(rows, channels), random(channels), random(rows, channels)];
      const statistics = random(rows, 2);
      return {
        run() {
          layerNormGradient(x, weight, gradient, statistics).dispose();
          layerNormParameterGradients(x, gradient, statistics).dispose();
        },
        flops: 17 * rows * channels,
        bytes: 20 * rows * channels,
        dispose: () => scope.dispose(),
      };
    },
  };
}

export const cases: BenchCase[] = [backwardCase(4096, 180), backwardCase(4096, 60)];
