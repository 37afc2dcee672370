import { type Device, LuaWebGpuError } from '@lua-webgpu/kernels';
import {
  Adam,
  Ema,
  matmul,
  openScope,
  Parameter,
  ParameterArena,
  plainPacking,
  type Shape,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { batch, gradientsOf, lossAndGradients, makeNetwork, TwoHeads, valuesOf, waves } from './network.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

function parameters(device: Device, shapes: readonly Shape[]): [string, Parameter][] {
  return shapes.map((shape, i) => {
    const parameter = new Parameter(plainPacking(shape), () => waves(shape, i).data);
    parameter.initialize(device, 0, `p${i}`);
    return [`p${i}`, parameter];
  });
}

for (const adapter of await adapterCases()) {
  describe(`parameter arenas on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('keep the values, and ops take the parameters as before', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      const before = await valuesOf(network);
      const { loss, gradients } = await lossAndGradients(device, network, batch);
      gradients.dispose();
      using arena = new ParameterArena(network.namedParameters());
      expect(await valuesOf(network)).toEqual(before);
      const again = await lossAndGradients(device, network, batch);
      again.gradients.dispose();
      expect(again.loss).toBe(loss);
      expect(new Set(arena.slots.map(({ parameter }) => parameter.tensor.buffer().gpu)).size).toBe(1);
    });

    it('put each parameter at a multiple of 256 bytes, and split where a binding ends', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 4096 } });
      const named = parameters(device, [[10, 10], [], [700], [0], [3, 100], [2000], [7]]);
      const before = await Promise.all(named.map(([, { tensor }]) => tensor.read()));
      using arena = new ParameterArena(named);
      expect(arena.slots.map(({ chunk, offset, bytes }) => [chunk, offset, bytes])).toEqual([
        [0, 0, 512],
        [0, 512, 256],
        [0, 768, 2816],
        [0, 3584, 256],
        [1, 0, 1280],
        // Larger than a binding: alone, and updated in pieces.
        [2, 0, 8192],
        [3, 0, 256],
      ]);
      expect(await Promise.all(named.map(([, { tensor }]) => tensor.read()))).toEqual(before);
      for (const [, parameter] of named) parameter.dispose();
    });

    it('an update in several buffers and pieces has the bits of one', async () => {
      const run = async (limits: object) => {
        const device = await devices.open(limits);
        const named = parameters(device, [[10, 10], [700], [0], [3, 100], [2000], [7]]);
        using arena = new ParameterArena(named);
        using optimizer = new Adam(arena, { lr: 0.1, weightDecay: 0.1 });
        using ema = new Ema(arena, { decay: 0.5 });
        for (let step = 0; step < 3; step++) {
          using gradients = gradientsOf(arena, (_, shape) => waves(shape, step).data);
          optimizer.step(gradients);
          ema.update();
        }
        ema.swap();
        const values = await Promise.all(named.map(([, { tensor }]) => tensor.readFloats()));
        ema.swap();
        for (const [, parameter] of named) parameter.dispose();
        return values;
      };
      expect(await run({ limits: { maxStorageBufferBindingSize: 4096 } })).toEqual(await run({}));
    });

    it('loading a state dict writes into the arena', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      using other = makeNetwork(device, 5);
      using arena = new ParameterArena(network.namedParameters());
      const buffers = arena.slots.map(({ parameter }) => parameter.tensor.buffer());
      network.loadStateDict(device, await other.stateDict());
      expect(await valuesOf(network)).toEqual(await valuesOf(other));
      expect(arena.slots.map(({ parameter }) => parameter.tensor.buffer())).toEqual(buffers);
      using gradients = gradientsOf(arena, (_, shape) => waves(shape).data);
      using optimizer = new Adam(arena, { lr: 0.1 });
      optimizer.step(gradients);
      expect(await valuesOf(network)).not.toEqual(await valuesOf(other));
    });

    it('joins neighbours of one key', async () => {
      const device = await devices.open();
      const named = parameters(device, [[1], [2], [3], [4], [5]]);
      using arena = new ParameterArena(named);
      const keys = new Map([
        ['p0', 1],
        ['p1', 1],
        ['p3', 1],
        ['p4', 2],
      ]);
      const runs = arena.runs(({ name }) => keys.get(name));
      expect(runs.map(({ offset, bytes, slots }) => [offset, bytes, slots.map(({ name }) => name)])).toEqual([
        [0, 512, ['p0', 'p1']],
        [768, 256, ['p3']],
        [1024, 256, ['p4']],
      ]);
      expect(arena.runs()).toHaveLength(1);
      for (const [, parameter] of named) parameter.dispose();
    });

    it('the parameters outlive the arena, and all memory goes back in the end', async () => {
      const device = await devices.open();
      await device.synchronize();
      const before = device.memory().inUse;
      const network = makeNetwork(device);
      const values = await valuesOf(network);
      const arena = new ParameterArena(network.namedParameters());
      const optimizer = new Adam(arena, { lr: 0.1 });
      const ema = new Ema(arena, { decay: 0.9 });
      ema.dispose();
      optimizer.dispose();
      arena.dispose();
      arena.dispose();
      expect(await valuesOf(network)).toEqual(values);
      const { gradients } = await lossAndGradients(device, network, batch);
      gradients.dispose();
      expect(device.memory().inUse).toBeGreaterThan(before);
      network.dispose();
      expect(device.memory().inUse).toBe(before);
    });

    it('a parameter that an op of another arena or module took over is refused', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      using arena = new ParameterArena(network.namedParameters());
      using optimizer = new Adam(arena, { lr: 0.1 });
      using gradients = gradientsOf(arena, (_, shape) => waves(shape).data);
      network.fc1.weight.dispose();
      expect(() => optimizer.step(gradients)).toThrow(code('arena-left'));
      network.fc1.weight.initialize(device, 0, 'fc1.weight');
      expect(() => optimizer.step(gradients)).toThrow(code('arena-left'));
    });

    it('refuses no parameters, one given twice, and one without values', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      const named = [...network.namedParameters()];
      expect(() => new ParameterArena([])).toThrow(code('arena-empty'));
      expect(() => new ParameterArena([...named, ...named.slice(1, 2)])).toThrow(code('arena-shared'));
      expect(() => new ParameterArena(new TwoHeads().namedParameters())).toThrow(code('parameter-empty'));
      expect(() => new ParameterArena([])).toThrow(LuaWebGpuError);
    });

    it('a changed parameter in a product is read as it is now', async () => {
      const device = await devices.open();
      const named = parameters(device, [[4, 4]]);
      using scope = openScope(device);
      using arena = new ParameterArena(named);
      const weight = arena.slots[0]?.parameter as Parameter;
      weight.assign(
        device,
        Float32Array.from({ length: 16 }, (_, i) => i),
      );
      const x = scope.tensor([1, 0, 0, 0], [1, 4]);
      expect([...(await matmul(x, weight.tensor).readFloats())]).toEqual([0, 1, 2, 3]);
      weight.dispose();
    });
  });
}
