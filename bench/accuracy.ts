import { parseArgs } from 'node:util';
import { type Conv2dShape, conv2dFamily, openDevice, refusal } from '@lua-webgpu/kernels';
import { conv2d, type NdArray, openScope, registry, truncatedNormal } from '@lua-webgpu/tensor';
import { relativeDifference } from './peers/layout.ts';

/**
 * Variants of the 3×3 convolution beside float64: the largest difference over the largest result, of operands drawn from
 * a normal distribution. `npm run bench:accuracy -- [--adapter NAME]`.
 */
const { values } = parseArgs({ options: { adapter: { type: 'string' } } });

const padding = { top: 1, bottom: 1, left: 1, right: 1 };
const attributes = { stride: 1, padding, activation: { kind: 'none' } } as const;

function drawn(name: string, shape: readonly number[]): NdArray {
  const count = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float64Array.from(truncatedNormal(1, name, count, 1)) };
}

const problems = [
  { side: 64, channels: 60 },
  { side: 128, channels: 64 },
  { side: 64, channels: 180 },
].map(({ side, channels }) => {
  const x = drawn('x', [1, side, side, channels]);
  const weight = drawn('weight', [3, 3, channels, channels]);
  const reference = registry
    .find(({ name }) => name === 'conv2d')
    ?.reference([x, weight, undefined], attributes);
  const shape: Conv2dShape = {
    ...{ batch: 1, height: side, width: side, cin: channels, cout: channels },
    ...{ kernelHeight: 3, kernelWidth: 3, bias: false, ...attributes },
  };
  return { name: `${side}² ${channels}→${channels}`, x, weight, expected: reference?.data ?? [], shape };
});

let head = '';
const rows: string[] = [];
for (const variant of conv2dFamily.variants) {
  using device = await openDevice({ adapter: values.adapter, force: { conv2d: variant.name } });
  head ||= device.adapter.name;
  using scope = openScope(device);
  const tensor = ({ data, shape }: NdArray) => scope.tensor(Float32Array.from(data), shape);
  const cells: string[] = [];
  for (const { x, weight, expected, shape } of problems) {
    const reason = refusal(variant, device.capabilities, shape);
    if (reason !== undefined) {
      cells.push(reason);
      continue;
    }
    const found = await conv2d(tensor(x), tensor(weight), { padding: 1 }).readFloats();
    cells.push(relativeDifference(found, expected).toExponential(1));
  }
  rows.push(`| ${[variant.name, ...cells].join(' | ')} |`);
}
console.log(`${head}, largest difference to float64 over the largest result\n`);
console.log(`| conv 3×3 | ${problems.map(({ name }) => name).join(' | ')} |`);
console.log(`| --- |${' ---: |'.repeat(problems.length)}`);
for (const row of rows) console.log(row);
