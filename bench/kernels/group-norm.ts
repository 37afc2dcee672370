import {
  groupNorm,
  groupNormGradient,
  groupNormStatistics,
  groupNormSums,
  openScope,
  sum,
} from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

type Shape = readonly [batch: number, height: number, width: number, channels: number];
const attributes = { groups: 32, eps: 1e-6 };

function operands(device: Parameters<BenchCase['setup']>[0], shape: Shape) {
  const scope = openScope(device);
  const random = (sizes: readonly number[]) =>
    scope.tensor(
      Float32Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
      sizes,
    );
  const [x, gradient, weight] = [random(shape), random(shape), random([shape[3]])];
  return { scope, x, gradient, weight, elements: x.size };
}

/** Through the tensor API, allocation of the result included. */
const forwardCase = (shape: Shape): BenchCase => ({
  name: `group norm ${shape.join('×')}`,
  async setup(device) {
    const { scope, x, weight, elements } = operands(device, shape);
    return {
      run: () => groupNorm(x, weight, weight, attributes).dispose(),
      flops: 9 * elements,
      bytes: 8 * elements,
      dispose: () => scope.dispose(),
    };
  },
});

/** Gradients of x, weight and bias, allocation included. */
const backwardCase = (shape: Shape): BenchCase => ({
  name: `group norm backward ${shape.join('×')}`,
  async setup(device) {
    const { scope, x, gradient, weight, elements } = operands(device, shape);
    return {
      run() {
        using statistics = groupNormStatistics(x, attributes);
        using sums = groupNormSums(x, gradient, statistics, attributes);
        sum(sums, { axes: [0] }).dispose();
        groupNormGradient(x, weight, gradient, statistics, sums, attributes).dispose();
      },
      flops: 19 * elements,
      bytes: 12 * elements,
      dispose: () => scope.dispose(),
    };
  },
});

// Levels of the AutoencoderKL's decoder: 512 channels at its start, 128 at the full size of the image.
export const cases: BenchCase[] = [
  forwardCase([1, 32, 32, 512]),
  forwardCase([1, 128, 128, 128]),
  backwardCase([1, 32, 32, 512]),
  backwardCase([1, 128, 128, 128]),
];
