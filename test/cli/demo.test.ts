import { expect, it } from 'vitest';
import { examplesFolder, goldenError, readGolden } from '../../packages/cli/src/demo-data.ts';
import { runCli } from './run.ts';

it('the demonstration agrees with PyTorch and says what it is', async () => {
  const { code, stdout, stderr } = await runCli(['demo']);
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/^untrained model /);
  expect(stdout.match(/agrees with PyTorch/g)).toHaveLength(2);
  expect(stdout).toMatch(/^adapter: SwiftShader/m);
  expect(stdout).toMatch(/^peak GPU memory: [\d.]+ MiB$/m);
});

it('the golden values are enough to meet every row, column and channel', async () => {
  const { results, tolerance } = await readGolden(examplesFolder());
  expect(Object.keys(results)).toEqual(['dogs', 'brushes']);
  expect(tolerance).toBeLessThan(2e-5);
  for (const { shape, stride, values, max } of Object.values(results)) {
    for (const side of shape) if (side > 1) expect(side % stride).not.toBe(0);
    expect(values).toHaveLength(Math.ceil(shape.reduce((a, b) => a * b, 1) / stride));
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(max);
  }
});

it('a wrong value, a NaN and another shape are noticed', () => {
  const expected = { shape: [2, 3], max: 4, stride: 2, values: [1, -4, 3] };
  const data = Float32Array.of(1, 9, -4, 9, 3, 9);
  expect(goldenError(expected, { shape: [2, 3], data })).toBe(0);
  expect(goldenError(expected, { shape: [2, 3], data: data.with(4, 5) })).toBe(0.5);
  expect(goldenError(expected, { shape: [2, 3], data: data.with(2, Number.NaN) })).toBe(
    Number.POSITIVE_INFINITY,
  );
  expect(goldenError(expected, { shape: [2, 3], data: data.subarray(0, 4) })).toBe(Number.POSITIVE_INFINITY);
  expect(goldenError(expected, { shape: [3, 2], data })).toBe(Number.POSITIVE_INFINITY);
});
