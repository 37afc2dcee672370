import type { Device } from '@lua-webgpu/kernels';
import { captureForward, createLua, type Lua, preset, warmUp } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';
import { openTestDevice } from '../../support/network.ts';

const shape = [1, 4, 8, 9];
const latentOf = (seed: number) => Float32Array.from(seededValues(seed, 4 * 8 * 9));

let device: Device;
let model: Lua;
beforeAll(async () => {
  device = await openTestDevice();
  model = createLua(device, preset('tiny', { in_chans: 4 }), { seed: 7 });
});
afterAll(() => device.destroy());

async function forward(data: Float32Array): Promise<Map<number, Float32Array>> {
  using scope = openScope(device);
  const results = new Map<number, Float32Array>();
  for (const [scale, output] of model.forward(scope.tensor(data, shape))) {
    results.set(scale, await output.readFloats());
  }
  return results;
}

describe('a captured forward pass', () => {
  it('has the bits of the pass itself, for each latent', async () => {
    await forward(latentOf(1));
    const before = device.memory().inUse;
    {
      using captured = captureForward(device, model, shape);
      for (const seed of [1, 2]) {
        using scope = openScope(device);
        const outputs = captured.run(scope.tensor(latentOf(seed), shape));
        const expected = await forward(latentOf(seed));
        expect([...outputs.keys()]).toEqual([2, 4]);
        for (const [scale, output] of outputs) {
          expect(await output.readFloats()).toEqual(expected.get(scale));
        }
      }
    }
    expect(device.memory().inUse).toBe(before);
  });

  it('takes the mean of a network that has one', async () => {
    const config = { ...preset('tiny', { in_chans: 4 }), mean: [0.5, -1, 2, 0] };
    const shifted = createLua(device, config, { seed: 7 });
    using scope = openScope(device);
    using captured = captureForward(device, shifted, shape, [2]);
    const latent = scope.tensor(latentOf(3), shape);
    const expected = shifted.forward(latent, [2]).get(2)?.readFloats();
    expect(await captured.run(latent).get(2)?.readFloats()).toEqual(await expected);
    shifted.dispose();
  });

  it('allocates nothing', async () => {
    using captured = captureForward(device, model, shape, [2]);
    using scope = openScope(device);
    const latent = scope.tensor(latentOf(3), shape);
    const { created, inUse } = device.memory();
    for (let i = 0; i < 3; i++) captured.run(latent);
    await device.synchronize();
    expect(device.memory()).toMatchObject({ created, inUse });
    expect([...captured.outputs.keys()]).toEqual([2]);
    expect(captured.commands).toBeGreaterThan(50);
  });

  it('refuses latents of another shape', () => {
    using captured = captureForward(device, model, shape, [2]);
    using scope = openScope(device);
    expect(() => captured.run(scope.empty([1, 4, 8, 8]))).toThrow(/captured for/);
    expect(() => captureForward(device, model, [1, 3, 8, 8])).toThrow(/channels/);
  });
});

it('warmUp leaves nothing to compile and nothing in use', async () => {
  using fresh = await openTestDevice();
  using network = createLua(fresh, preset('tiny', { in_chans: 4 }));
  const { inUse } = fresh.memory();
  let pipelines = 0;
  const create = fresh.gpu.createComputePipeline;
  fresh.gpu.createComputePipeline = (descriptor) => {
    pipelines += 1;
    return create.call(fresh.gpu, descriptor);
  };
  await warmUp(fresh, network, [1, 4, 16, 16]);
  expect(fresh.memory().inUse).toBe(inUse);
  const compiled = pipelines;
  expect(compiled).toBeGreaterThan(10);
  using scope = openScope(fresh);
  network.forward(scope.empty([1, 4, 16, 16]));
  await fresh.synchronize();
  expect(pipelines).toBe(compiled);
});
