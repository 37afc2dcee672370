import type { Device } from '@lua-webgpu/kernels';
import {
  Adam,
  AdamW,
  backward,
  checkpoint,
  Ema,
  encodeSafetensors,
  Gradients,
  matmul,
  mean,
  type Optimizer,
  openScope,
  ParameterArena,
  parseSafetensors,
  Sgd,
  square,
  Tape,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { batch, gradientsOf, lossAndGradients, makeNetwork, valuesOf, waves } from './network.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

const kinds: Record<string, (arena: ParameterArena) => Optimizer> = {
  Adam: (arena) => new Adam(arena, { lr: 0.01, weightDecay: 0.1 }),
  AdamW: (arena) => new AdamW(arena, { lr: 0.01 }),
  Sgd: (arena) => new Sgd(arena, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
};

/** Trains for some steps, heads taking turns; gives what resuming needs as a file's bytes. */
async function train(
  device: Device,
  make: (arena: ParameterArena) => Optimizer,
  steps: readonly number[],
  resume?: { network: Uint8Array; optimizer: Uint8Array; ema: Uint8Array },
) {
  using network = makeNetwork(device);
  const load = (bytes: Uint8Array) => parseSafetensors(bytes, 'state').tensors;
  if (resume) network.loadStateDict(device, load(resume.network));
  using arena = new ParameterArena(network.namedParameters());
  using optimizer = make(arena);
  using ema = new Ema(arena, { decay: 0.9 });
  if (resume) {
    optimizer.loadStateDict(load(resume.optimizer));
    ema.loadStateDict(load(resume.ema));
  }
  for (const step of steps) {
    expect(optimizer.steps).toBe(step);
    const heads = step % 3 === 0 ? (['a', 'b'] as const) : (['a'] as const);
    const { gradients } = await lossAndGradients(device, network, batch, heads);
    optimizer.step(gradients, { maxNorm: 0.5 });
    ema.update();
    gradients.dispose();
  }
  return {
    network: encodeSafetensors(await network.stateDict()),
    optimizer: encodeSafetensors(await optimizer.stateDict()),
    ema: encodeSafetensors(await ema.stateDict()),
  };
}

for (const adapter of await adapterCases()) {
  describe(`optimisers on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(Object.keys(kinds))(
      '%s: 4 steps, saved and resumed for 3, are 7 steps to the bit',
      async (kind) => {
        const device = await devices.open();
        const make = kinds[kind] as (arena: ParameterArena) => Optimizer;
        const whole = await train(device, make, [0, 1, 2, 3, 4, 5, 6]);
        const half = await train(device, make, [0, 1, 2, 3]);
        expect(await train(device, make, [4, 5, 6], half)).toEqual(whole);
        expect(half).not.toEqual(whole);
      },
    );

    it.each(Object.keys(kinds))('%s: both orders of memory accesses give the same bits', async (kind) => {
      const make = kinds[kind] as (arena: ParameterArena) => Optimizer;
      const run = async (order: string) => {
        const force = { adam: order, sgd: order, average: order };
        return await train(await devices.open({ force }), make, [0, 1, 2]);
      };
      expect(await run('adjacent')).toEqual(await run('interleaved'));
    });

    it.each([
      ['Adam', (arena: ParameterArena, lr: number) => new Adam(arena, { lr })],
      ['AdamW', (arena: ParameterArena, lr: number) => new AdamW(arena, { lr })],
      ['Sgd', (arena: ParameterArena, lr: number) => new Sgd(arena, { lr })],
    ] as const)('%s refuses a learning rate that is none', async (_, make) => {
      const device = await devices.open();
      using network = makeNetwork(device);
      using arena = new ParameterArena(network.namedParameters());
      using gradients = gradientsOf(arena, (__, shape) => waves(shape).data);
      for (const lr of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
        using optimizer = make(arena, lr);
        expect(() => optimizer.step(gradients)).toThrow(code('attribute-invalid'));
      }
      using optimizer = make(arena, 1);
      for (const maxNorm of [0, -1, Number.NaN]) {
        expect(() => optimizer.step(gradients, { maxNorm })).toThrow(code('attribute-invalid'));
      }
      await expect(optimizer.gradientNorm()).rejects.toThrow(code('autograd-no-norm'));
      expect(optimizer.steps).toBe(0);
    });

    it('refuses options that make no sense', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      using arena = new ParameterArena(network.namedParameters());
      const wrong = [
        () => new Adam(arena, { lr: 1, betas: [1, 0.9] }),
        () => new Adam(arena, { lr: 1, betas: [0.9, -0.1] }),
        () => new Adam(arena, { lr: 1, eps: 0 }),
        () => new AdamW(arena, { lr: 1, weightDecay: -1 }),
        () => new Sgd(arena, { lr: 1, momentum: -1 }),
        () => new Sgd(arena, { lr: 1, nesterov: true }),
        () => new Ema(arena, { decay: 1.1 }),
      ];
      for (const make of wrong) expect(make).toThrow(code('attribute-invalid'));
    });

    it.each(Object.keys(kinds))('%s: a prepared step changes nothing until it is applied', async (kind) => {
      const device = await devices.open();
      const make = kinds[kind] as (arena: ParameterArena) => Optimizer;
      const run = async (skipped: boolean) => {
        using network = makeNetwork(device);
        using arena = new ParameterArena(network.namedParameters());
        using optimizer = make(arena);
        using gradients = gradientsOf(arena, (__, shape) => waves(shape).data);
        if (skipped) {
          const before = await valuesOf(network);
          using wild = gradientsOf(arena, (__, shape) => waves(shape).data.fill(Number.NaN));
          const left = optimizer.prepare(wild, { maxNorm: 1 });
          expect(await optimizer.gradientNorm()).toBeNaN();
          expect(await valuesOf(network)).toEqual(before);
          expect(optimizer.steps).toBe(0);
          optimizer.step(gradients, { maxNorm: 1 });
          expect(() => left.apply()).toThrow(code('autograd-step-stale'));
        } else {
          const prepared = optimizer.prepare(gradients, { maxNorm: 1 });
          gradients.dispose();
          prepared.apply();
          expect(() => prepared.apply()).toThrow(code('autograd-step-stale'));
        }
        expect(optimizer.steps).toBe(1);
        return await valuesOf(network);
      };
      expect(await run(true)).toEqual(await run(false));
    });

    it('refuses to step where no gradient of its parameters is there', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      using arena = new ParameterArena(network.namedParameters());
      using optimizer = new Adam(arena, { lr: 1 });
      using gradients = new Gradients(device);
      expect(() => optimizer.step(gradients)).toThrow(code('autograd-no-gradient'));
    });

    it('leaves a parameter without gradient alone, whatever happened before', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      using arena = new ParameterArena(network.namedParameters());
      using optimizer = new Adam(arena, { lr: 0.1, weightDecay: 0.5 });
      const step = async (heads: readonly ('a' | 'b')[]) => {
        const { gradients } = await lossAndGradients(device, network, batch, heads);
        optimizer.step(gradients, { maxNorm: 1 });
        const norm = await optimizer.gradientNorm();
        let squares = 0;
        for (const { parameter } of arena.slots) {
          const values = await gradients.of(parameter)?.readFloats();
          squares += values?.reduce((sum, value) => sum + value * value, 0) ?? 0;
        }
        gradients.dispose();
        // A norm that counted what an earlier step left behind would be larger.
        expect(norm).toBeCloseTo(Math.sqrt(squares), 6);
        return await valuesOf(network);
      };
      const before = await step(['a', 'b']);
      const after = await step(['a']);
      expect(after.get('b.weight')).toEqual(before.get('b.weight'));
      expect(after.get('b.bias')).toEqual(before.get('b.bias'));
      expect(after.get('a.weight')).not.toEqual(before.get('a.weight'));
      const state = await optimizer.stateDict();
      const count = (name: string) => new Float32Array(state.get(name)?.bytes.slice().buffer ?? [])[0];
      expect([count('step'), count('step.a.weight'), count('step.b.weight')]).toEqual([2, 2, 1]);
    });

    it('maxNorm: Infinity measures and does not clip', async () => {
      const device = await devices.open();
      const run = async (options: object) => {
        using network = makeNetwork(device);
        using arena = new ParameterArena(network.namedParameters());
        using optimizer = new Sgd(arena, { lr: 0.1 });
        using gradients = gradientsOf(arena, (_, shape) => waves(shape).data.map((value) => 1e-8 * value));
        optimizer.step(gradients, options);
        return await valuesOf(network);
      };
      expect(await run({ maxNorm: Number.POSITIVE_INFINITY })).toEqual(await run({}));
    });

    it('refuses a state of another network, and changes nothing then', async () => {
      const device = await devices.open();
      using network = makeNetwork(device);
      using arena = new ParameterArena(network.namedParameters());
      using optimizer = new Adam(arena, { lr: 0.1 });
      const state = await optimizer.stateDict();
      using gradients = gradientsOf(arena, (_, shape) => waves(shape).data);
      optimizer.step(gradients);
      const after = await optimizer.stateDict();
      for (const missing of ['step', 'step.a.bias', 'exp_avg.fc1.weight', 'exp_avg_sq.b.bias']) {
        const partial = new Map([...state].filter(([name]) => name !== missing));
        expect(() => optimizer.loadStateDict(partial)).toThrow(code('state-dict-mismatch'));
      }
      const misshapen = new Map(state).set('exp_avg.a.bias', state.get('exp_avg.b.bias') as never);
      expect(() => optimizer.loadStateDict(misshapen)).toThrow(code('state-dict-mismatch'));
      expect(await optimizer.stateDict()).toEqual(after);
    });

    it('creates no buffers after the third step', async () => {
      const device = await devices.open({ poison: false });
      using network = makeNetwork(device);
      using arena = new ParameterArena(network.namedParameters());
      using optimizer = new Adam(arena, { lr: 0.01 });
      using ema = new Ema(arena, { decay: 0.9 });
      const step = async () => {
        const { gradients } = await lossAndGradients(device, network, batch);
        optimizer.step(gradients, { maxNorm: 0.4 });
        ema.update();
        gradients.dispose();
        return device.memory();
      };
      for (let warmUp = 0; warmUp < 3; warmUp++) await step();
      const { created, inUse } = await step();
      for (let more = 0; more < 20; more++) expect(await step()).toMatchObject({ created, inUse });
    });
  });

  describe(`tensors that were changed in place, on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const forward = (device: Device, wrapped: boolean) => {
      const network = makeNetwork(device);
      const arena = new ParameterArena(network.namedParameters());
      const scope = openScope(device);
      const tape = new Tape();
      const x = tape.watch(scope.tensor(batch.x.data, batch.x.shape));
      const hidden = matmul(x, network.fc1.weight.tensor);
      const y = wrapped
        ? checkpoint(hidden, (h) => matmul(h, network.a.weight.tensor))
        : matmul(hidden, network.a.weight.tensor);
      const dispose = () => {
        for (const each of [tape, scope, arena, network]) each.dispose();
      };
      return { network, arena, loss: mean(square(y)), dispose };
    };

    it('backward after a step names the op whose operand changed', async () => {
      const device = await devices.open();
      const { arena, loss, dispose } = forward(device, false);
      using optimizer = new Sgd(arena, { lr: 0.1 });
      using gradients = gradientsOf(arena, (_, shape) => waves(shape).data);
      optimizer.step(gradients);
      expect(() => backward(loss)).toThrow(code('autograd-modified'));
      expect(() => backward(loss)).toThrow(code('autograd-consumed'));
      dispose();
    });

    it.each(['load', 'swap', 'assign'])('backward after %s is refused by the op', async (how) => {
      const device = await devices.open();
      const { network, arena, loss, dispose } = forward(device, false);
      using ema = new Ema(arena, { decay: 0.5 });
      if (how === 'swap') ema.swap();
      else if (how === 'load') network.loadStateDict(device, await network.stateDict());
      else network.fc1.weight.assign(device, waves([8, 3]).data);
      expect(() => backward(loss)).toThrow(/matmul kept a tensor \[\d+, \d+\] for its gradient/);
      dispose();
    });

    it('a step on parameters that no op kept is no obstacle', async () => {
      const device = await devices.open();
      const { network, loss, dispose } = forward(device, false);
      using arena = new ParameterArena(Object.entries(network.b.members()));
      using optimizer = new Sgd(arena, { lr: 0.1 });
      using gradients = gradientsOf(arena, (_, shape) => waves(shape).data);
      optimizer.step(gradients);
      using found = backward(loss);
      expect(found.size).toBe(3);
      dispose();
    });

    it('memory is back after all of this', async () => {
      const device = await devices.open();
      await device.synchronize();
      expect(device.memory().inUse).toBe(0);
    });
  });
}
