import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readImage } from '@lua-webgpu/lua-model';
import { psnr } from '@lua-webgpu/train';
import { expect, it } from 'vitest';
import { examplesFolder, goldenError, readExamples, readGolden } from '../../packages/cli/src/demo/data.ts';
import { runCli, temporaryFolder } from './run.ts';

const folder = temporaryFolder();

it('the demonstration agrees with PyTorch, is nearer to the photographs than interpolation, and writes what it says', async () => {
  const out = join(folder, 'demo');
  const { code, stdout, stderr } = await runCli(['demo', '--out', out, '--json'], { timeout: 230_000 });
  expect(code, stdout + stderr).toBe(0);
  const { examples, strip, passed } = JSON.parse(stdout);
  expect(passed).toBe(true);
  expect(examples.map(({ name }: { name: string }) => name)).toEqual(['raccoon', 'astronaut']);
  for (const { name, ceiling, results } of examples) {
    const { image: photograph } = await readImage(join(examplesFolder(), `${name}.jpg`));
    expect(results).toHaveLength(2);
    for (const result of results) {
      expect(result.shape).toEqual([1, 16, 64, 64]);
      expect(result.psnr.lua).toBeGreaterThan(result.psnr.bicubicLatent + 0.5);
      expect(result.psnr.lua).toBeLessThan(ceiling);
      const { image } = await readImage(join(out, `${name}-x${result.scale}.png`));
      expect(psnr(image, photograph)).toBeCloseTo(result.psnr.lua, 6);
    }
  }
  expect(strip).toBe(join(out, 'comparison.jpg'));
  const { image } = await readImage(strip);
  expect(image.width).toBeGreaterThan(5 * 256);
  expect(image.height).toBeGreaterThan(2 * 256);
  expect(readdirSync(out)).toHaveLength(5);
}, 240_000);

it('the golden values are enough to meet every row, column and channel', async () => {
  const { results, tolerance } = await readGolden(examplesFolder());
  const examples = await readExamples(examplesFolder());
  expect(Object.keys(results)).toEqual(examples.flatMap(({ name }) => [`${name}-256`, `${name}-128`]));
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
