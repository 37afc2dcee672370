import {
  add,
  affine,
  cast,
  countNonFinite,
  exp,
  gelu,
  leakyRelu,
  openScope,
  silu,
  type Tensor,
  tanh,
  unaryGradient,
} from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Through the tensor API, allocation of the result included. Operands of the given shapes. */
const elementwiseCase = (
  name: string,
  shapes: readonly (readonly number[])[],
  run: (x: Tensor, y: Tensor) => Tensor,
): BenchCase => ({
  name: `${name} ${shapes.map((shape) => shape.join('×')).join(', ')}`,
  async setup(device) {
    const scope = openScope(device);
    const [x, y = x] = shapes.map((shape) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return scope.tensor(
        Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
        shape,
      );
    });
    if (!x || !y) throw new Error(`${name} has no operand`);
    const probe = run(x, y);
    const bytes = 4 * (x.size + (y === x ? 0 : y.size)) + (probe.dtype === 'f16' ? 2 : 4) * probe.size;
    probe.dispose();
    return { run: () => run(x, y).dispose(), flops: x.size, bytes, dispose: () => scope.dispose() };
  },
});

const million = [2 ** 20];

export const cases: BenchCase[] = [
  elementwiseCase('add', [million, million], add),
  elementwiseCase('add a row', [[64, 64, 60], [60]], add),
  elementwiseCase('add one value', [million, []], add),
  elementwiseCase(
    'add per image and channel',
    [
      [4, 64, 64, 60],
      [4, 1, 1, 60],
    ],
    add,
  ),
  elementwiseCase('affine', [million], (x) => affine(x, { scale: 2, offset: 1 })),
  elementwiseCase('leaky ReLU', [million], (x) => leakyRelu(x, { slope: 0.2 })),
  elementwiseCase('GELU', [[4096, 360]], gelu),
  elementwiseCase('SiLU', [[4096, 360]], silu),
  elementwiseCase('tanh', [million], tanh),
  elementwiseCase('exp', [million], exp),
  elementwiseCase(
    'gradient of GELU',
    [
      [4096, 360],
      [4096, 360],
    ],
    (x, y) => unaryGradient('gelu', x, y),
  ),
  elementwiseCase('f32 to f16', [million], (x) => cast(x, 'f16')),
  elementwiseCase('count non-finite', [million], countNonFinite),
];
