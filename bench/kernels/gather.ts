import { gather, openScope, scatterAdd } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** x [rows, columns], and indices that jump about in it. */
function operands(
  device: Parameters<BenchCase['setup']>[0],
  [size, columns]: readonly [number, number],
  shape: readonly number[],
) {
  const scope = openScope(device);
  const count = shape.reduce((a, b) => a * b, 1);
  const index = scope.tensor(
    Int32Array.from({ length: count }, (_, i) => (i * 7919) % size),
    shape,
  );
  const x = scope.tensor(new Float32Array(size * columns).fill(1), [size, columns]);
  return { scope, x, index };
}

/** Through the tensor API, allocation of the result included. */
const listCase = (size: number, columns: number, rows: number): BenchCase => ({
  name: `gather ${rows} of ${size}×${columns}`,
  async setup(device) {
    const { scope, x, index } = operands(device, [size, columns], [rows]);
    return {
      run: () => gather(x, index, { axis: 0 }).dispose(),
      flops: 0,
      bytes: 8 * rows * columns + 4 * rows,
      dispose: () => scope.dispose(),
    };
  },
});

/** The same by element: an index of its own for each. */
const elementCase = (size: number, columns: number, rows: number): BenchCase => ({
  name: `gather by element ${rows}×${columns} of ${size}×${columns}`,
  async setup(device) {
    const { scope, x, index } = operands(device, [size, columns], [rows, columns]);
    return {
      run: () => gather(x, index, { axis: 0 }).dispose(),
      flops: 0,
      bytes: 12 * rows * columns,
      dispose: () => scope.dispose(),
    };
  },
});

/** The gradient of `listCase`; its bytes leave the comparisons of indices out. */
const gradientCase = (size: number, columns: number, rows: number): BenchCase => ({
  name: `gather backward ${rows} of ${size}×${columns}`,
  async setup(device) {
    const { scope, index } = operands(device, [size, columns], [rows]);
    const gradient = scope.tensor(new Float32Array(rows * columns).fill(1), [rows, columns]);
    return {
      run: () => scatterAdd(gradient, index, { axis: 0, size }).dispose(),
      flops: rows * columns,
      bytes: 4 * (rows + size) * columns,
      dispose: () => scope.dispose(),
    };
  },
});

export const cases: BenchCase[] = [
  listCase(4096, 180, 4096),
  listCase(225, 6, 4096),
  elementCase(64, 180, 4096),
  gradientCase(4096, 180, 4096),
  gradientCase(225, 6, 4096),
];
