import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  add,
  affine,
  backward,
  gelu,
  leakyRelu,
  mul,
  openScope,
  parseSafetensors,
  relu,
  sigmoid,
  silu,
  softmax,
  square,
  Tape,
  type Tensor,
  tanh,
  toFloat32,
  toFloat64,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase, referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const golden = goldenCase('op_norm_act');
const cases: [input: string, output: string, op: (x: Tensor) => Tensor][] = [
  ['activations/in.x', 'activations/out.gelu', gelu],
  ['activations/in.x', 'activations/out.leaky_relu_0.01', (x) => leakyRelu(x, { slope: 0.01 })],
  ['activations/in.x', 'activations/out.leaky_relu_0.2', (x) => leakyRelu(x, { slope: 0.2 })],
  ['gelu_huge/in.x', 'gelu_huge/out.y', gelu],
];

/** Cases of a folder that others made, by the names they have there. */
const others: Record<string, (x: Tensor) => Tensor> = {
  gelu_erf: gelu,
  // GELU's other form, put together from tanh: x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.
  gelu_tanh: (x) => {
    const inner = affine(mul(x, affine(square(x), { scale: 0.044715, offset: 1 })), {
      scale: Math.sqrt(2 / Math.PI),
      offset: 0,
    });
    return mul(x, affine(tanh(inner), { scale: 0.5, offset: 0.5 }));
  },
  silu,
  sigmoid,
  relu,
  'lrelu0.01': (x) => leakyRelu(x, { slope: 0.01 }),
  'lrelu0.2': (x) => leakyRelu(x, { slope: 0.2 }),
  softmax_mask100: softmax,
  softmax_large: softmax,
};
const path = join(referenceFolder() ?? '', 'op_norm_act.safetensors');
const reference =
  referenceFolder() && existsSync(path) ? parseSafetensors(readFileSync(path), path) : undefined;

for (const adapter of await adapterCases()) {
  describe(`activations and PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [input, output, op] of cases) {
      it(output, async () => {
        const x = entry(golden.inputs, input);
        using scope = openScope(await devices.open());
        const y = op(scope.tensor(x.data, x.shape));
        const expected = entry(golden.outputs, output);
        const difference = compareGolden(expected, await y.read(), y.shape);
        expect(difference).toMatchObject({ within: true });
      });
    }

    for (const [name, op] of reference ? Object.entries(others) : []) {
      it(`${name} of the reference folder`, async () => {
        if (!reference) return;
        using scope = openScope(await devices.open());
        using tape = new Tape();
        const operand = (key: string) => {
          const values = entry(reference.tensors, `${name}/in.${key}`);
          return scope.tensor(toFloat32(values), values.shape);
        };
        const x = tape.watch(operand('x'));
        const mask = reference.tensors.has(`${name}/in.mask`) ? operand('mask') : undefined;
        const y = op(mask ? add(x, mask) : x);
        const values = await y.readFloats();
        using gradients = backward(y, { gradient: operand('dy') });
        const gradient = await gradients.of(x)?.readFloats();
        const error = (key: string, actual: Float32Array | undefined) => {
          const expected = toFloat64(entry(reference.tensors, `${name}/${key}`));
          const differences = expected.map((value, i) => value - (actual?.[i] ?? Number.NaN));
          const largest = (all: Float64Array) =>
            all.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
          return largest(differences) / largest(expected);
        };
        expect(error('out.y', values)).toBeLessThan(name === 'softmax_mask100' ? 1e-5 : 3e-6);
        expect(error('grad.x', gradient)).toBeLessThan(name === 'softmax_mask100' ? 1.5e-5 : 1e-5);
      });
    }
  });
}
