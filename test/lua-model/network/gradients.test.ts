import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '@lua-webgpu/kernels';
import { parseConfig } from '@lua-webgpu/lua-model';
import {
  add,
  backward,
  type FileTensor,
  openScope,
  parseSafetensors,
  Tape,
  type Tensor,
  toFloat32,
  toFloat64,
} from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase, referenceFolder } from '../../golden/load.ts';
import { modelWith, openTestDevice, stageOneLoss } from '../../support/network.ts';

let device: Device;
beforeAll(async () => {
  device = await openTestDevice();
});
afterAll(() => device.destroy());

it('gradients of both heads at once against PyTorch: every parameter and the input', async () => {
  const golden = goldenCase('tiny_window8_gradients');
  using model = modelWith(device, parseConfig(golden.config, golden.name), golden.params());
  using scope = openScope(device);
  using tape = new Tape();
  const input = entry(golden.inputs, 'in.x');
  const x = tape.watch(scope.tensor(input.data, input.shape));
  const losses = [...model.forward(x)].map(([scale, prediction]) => {
    const target = entry(golden.inputs, `in.target.x${scale}`);
    return stageOneLoss(prediction, scope.tensor(target.data, target.shape));
  });
  const value = losses.reduce((sum, each) => add(sum, each));
  using gradients = backward(value);
  const found = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  found.set('out.loss', { shape: [], data: await value.readFloats() });
  found.set('grad.x', { shape: x.shape, data: await (gradients.of(x) as Tensor).readFloats() });
  for (const [name, parameter] of model.namedParameters()) {
    const packed = await (gradients.of(parameter) as Tensor).readFloats();
    found.set(`grad.${name}`, { shape: parameter.shape, data: parameter.packing.unpack(packed) });
  }
  expect([...found.keys()].sort()).toEqual([...golden.outputs.keys()].sort());
  for (const [name, { shape, data }] of found) {
    const expected = entry(golden.outputs, name);
    const { error } = compareGolden(expected, data, shape);
    // A gradient is a longer sum than a forward value: 1e-5 is the least that float32 can be held to.
    expect(error, name).toBeLessThanOrEqual(Math.max(1e-5, expected.tolerance));
  }
});

const folder = referenceFolder() ?? '';
const cases = [
  { file: 'swinir_light_x2_c4_grad', tolerance: 2.5e-5 },
  { file: 'swinir_tiny_x2_c4_singlewindow_grad', tolerance: 1.5e-5 },
];

describe.runIf(folder)('gradients of the whole network against the reference folder', () => {
  it.each(cases)('$file: every parameter and the input', async ({ file, tolerance }) => {
    const path = join(folder, `${file}.safetensors`);
    const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
    const config = parseConfig(JSON.parse(metadata.get('config') ?? ''), file);
    const stored = (name: string): FileTensor => {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${path} has no ${name}`);
      return tensor;
    };
    const params = new Map(
      [...tensors]
        .filter(([name]) => name.startsWith('param.'))
        .map(([name, tensor]) => [name.slice(6), { shape: tensor.shape, data: toFloat32(tensor) }]),
    );
    using model = modelWith(device, config, params);
    using scope = openScope(device);
    using tape = new Tape();
    const input = stored('in.x');
    const x = tape.watch(scope.tensor(toFloat32(input), input.shape));
    const target = stored('in.target');
    const prediction = model.forward(x).get(2) as Tensor;
    const value = stageOneLoss(prediction, scope.tensor(toFloat32(target), target.shape));
    using gradients = backward(value);
    expect((await value.readFloats())[0]).toBeCloseTo(toFloat64(stored('out.loss'))[0] as number, 5);
    const names = [...model.namedParameters()];
    expect(names).toHaveLength(params.size);
    for (const [name, parameter] of names) {
      const gradient = gradients.of(parameter);
      expect(gradient, name).toBeDefined();
      const values = parameter.packing.unpack(await (gradient as Tensor).readFloats());
      expect(relativeError(values, toFloat64(stored(`grad.param.${name}`))), name).toBeLessThanOrEqual(
        tolerance,
      );
    }
    const dx = await (gradients.of(x) as Tensor).readFloats();
    expect(relativeError(dx, toFloat64(stored('grad.x')))).toBeLessThanOrEqual(tolerance);
  });
});

function relativeError(actual: ArrayLike<number>, expected: Float64Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number)) / largest;
    worst = error <= worst ? worst : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return worst;
}
