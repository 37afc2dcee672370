import { fft2, fftMagnitude, fftMagnitudeGradient, openScope, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included; 2.5·N·log2 N operations for a real transform. */
const transformCase = (
  name: string,
  side: number,
  channels: number,
  run: (x: Tensor) => Tensor,
): BenchCase => ({
  name: `${name} ${side}²×${channels}`,
  async setup(device) {
    const scope = openScope(device);
    const count = side * side * channels;
    const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
    const x = scope.tensor(values, [1, side, side, channels]);
    const probe = run(x);
    const written = probe.size;
    probe.dispose();
    return {
      run: () => run(x).dispose(),
      flops: 2.5 * count * Math.log2(side * side),
      bytes: 4 * (count + written),
      dispose: () => scope.dispose(),
    };
  },
});

export const cases: BenchCase[] = [
  transformCase('fft2', 64, 16, fft2),
  transformCase('|fft2|', 64, 16, fftMagnitude),
  transformCase('|fft2|', 256, 3, fftMagnitude),
  transformCase('gradient of |fft2|', 64, 16, (x) => fftMagnitudeGradient(x, x)),
  transformCase('|fft2| by Bluestein', 97, 4, fftMagnitude),
];
