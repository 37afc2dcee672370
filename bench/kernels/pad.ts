import type { PadMode } from '@lua-webgpu/kernels';
import { crop2d, openScope, pad2d, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. */
const windowCase = (name: string, side: number, channels: number, run: (x: Tensor) => Tensor): BenchCase => ({
  name: `${name} ${side}²×${channels}`,
  async setup(device) {
    const scope = openScope(device);
    const x = scope.tensor(new Float32Array(side * side * channels).fill(1), [1, side, side, channels]);
    const probe = run(x);
    const written = probe.size;
    probe.dispose();
    return {
      run: () => run(x).dispose(),
      flops: 0,
      bytes: 4 * (Math.min(written, x.size) + written),
      dispose: () => scope.dispose(),
    };
  },
});

const pad = (mode: PadMode) => (x: Tensor) => pad2d(x, { top: 0, bottom: 7, left: 0, right: 5, mode });

export const cases: BenchCase[] = [
  windowCase('pad zeros', 121, 60, pad('zeros')),
  windowCase('pad reflect', 121, 60, pad('reflect')),
  windowCase('crop', 128, 60, (x) => crop2d(x, { top: 0, left: 0, height: 121, width: 123 })),
];
