import {
  add,
  backward,
  Conv2d,
  checkpoint,
  checkpointAll,
  Group,
  GroupNorm,
  Linear,
  matmul,
  mean,
  mul,
  openScope,
  plainChannels,
  relu,
  silu,
  Tape,
  type Tensor,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const values = (seed: number, count: number) => Float32Array.from(seededValues(seed, count));

/** Convolution, normalisation, convolution, as VAEs have them. */
function network() {
  const c = plainChannels(16);
  const parts = { a: new Conv2d(c, c), norm: new GroupNorm(16, { groups: 4 }), b: new Conv2d(c, c) };
  const module = new Group(parts);
  const forward = (x: Tensor) => parts.b.forward(silu(parts.norm.forward(relu(parts.a.forward(x)))));
  return { module, parts, forward };
}

for (const adapter of await adapterCases()) {
  describe(`frozen modules on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    /** Gradients of mean(network(x)), and how much memory the tape kept. */
    async function run(frozen: boolean, recomputed: boolean) {
      const device = await devices.open();
      const { module, forward } = network();
      using _module = module;
      module.initialize(device, 3);
      if (frozen) module.freeze();
      using scope = openScope(device);
      using tape = new Tape();
      const x = tape.watch(scope.tensor(values(1, 2048), [1, 8, 16, 16]));
      const before = device.memory().inUse;
      const loss = (() => {
        using inner = scope.child();
        const y = inner.borrow(x);
        return inner.keep(mean(recomputed ? checkpoint(y, forward) : forward(y)));
      })();
      const kept = device.memory().inUse - before;
      const recorded = tape.length;
      using gradients = backward(loss);
      const dx = await (gradients.of(x) as Tensor).readFloats();
      return { size: gradients.size, dx, kept, recorded };
    }

    it.each([false, true])('make no gradients of weights, recomputed: %s', async (recomputed) => {
      const trained = await run(false, recomputed);
      const frozen = await run(true, recomputed);
      expect(trained.size).toBe(7);
      expect(frozen.size).toBe(1);
      expect(frozen.dx).toEqual(trained.dx);
    });

    it('keep nothing for gradients that nobody wants: the operands of convolutions', async () => {
      const [trained, frozen] = [await run(false, false), await run(true, false)];
      expect(frozen.recorded).toBe(trained.recorded);
      // x is the caller's; what silu gives the second convolution is kept for its weight alone.
      expect(trained.kept - frozen.kept).toBe(2048 * 4);
    });

    it('take gradients again once unfrozen, and stay frozen when loaded anew', async () => {
      const device = await devices.open();
      using module = new Linear(plainChannels(4), plainChannels(4));
      module.initialize(device, 1);
      module.freeze();
      module.loadStateDict(device, await module.stateDict());
      const count = () => {
        using scope = openScope(device);
        using tape = new Tape();
        const x = tape.watch(scope.tensor(values(1, 8), [2, 4]));
        using gradients = backward(mean(module.forward(x)));
        return gradients.size;
      };
      expect([...module.namedParameters()].map(([, { requiresGrad }]) => requiresGrad)).toEqual([
        false,
        false,
      ]);
      expect(count()).toBe(1);
      module.unfreeze();
      expect(count()).toBe(3);
      module.bias.freeze();
      expect(count()).toBe(2);
    });

    it('on a constant input record nothing', async () => {
      const device = await devices.open();
      using module = new Linear(plainChannels(4), plainChannels(4));
      module.initialize(device, 1);
      module.freeze();
      using scope = openScope(device);
      using tape = new Tape();
      module.forward(tape.constant(scope.tensor(values(1, 8), [2, 4])));
      expect(tape.length).toBe(0);
    });
  });

  describe(`checkpointAll on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('gives the gradients of all operands, of parameters, and of a shared one twice', async () => {
      const device = await devices.open();
      using layer = new Linear(plainChannels(4), plainChannels(4));
      layer.initialize(device, 2);
      const compute = ([a, b, c]: readonly Tensor[]) =>
        mul(layer.forward(matmul(a as Tensor, b as Tensor)), c as Tensor);
      const run = async (through: typeof compute) => {
        using scope = openScope(device);
        using tape = new Tape();
        const a = tape.watch(scope.tensor(values(1, 12), [3, 4]));
        const b = tape.watch(scope.tensor(values(2, 16), [4, 4]));
        const constant = tape.constant(scope.tensor(values(3, 12), [3, 4]));
        const loss = mean(add(through([a, b, a]), through([a, b, constant])));
        using gradients = backward(loss);
        expect(gradients.size).toBe(4);
        return await Promise.all(
          [a, b, layer.weight, layer.bias].map((leaf) => (gradients.of(leaf) as Tensor).readFloats()),
        );
      };
      const expected = await run(compute);
      const found = await run((operands) => checkpointAll(operands, compute));
      found.forEach((gradient, i) => {
        const all = expected[i] as Float32Array;
        for (const [at, value] of gradient.entries()) expect(value).toBeCloseTo(all[at] as number, 6);
      });
    });

    it('keeps its operands alone, and leaves no memory in use', async () => {
      const device = await devices.open();
      {
        using scope = openScope(device);
        using tape = new Tape();
        const a = tape.watch(scope.tensor(values(1, 4096), [64, 64]));
        const before = device.memory().inUse;
        const sum = checkpointAll([a, a], ([x, y]) => mean(matmul(silu(x as Tensor), relu(y as Tensor))));
        expect(device.memory().inUse - before).toBeLessThan(4096);
        backward(sum).dispose();
      }
      expect(device.memory().inUse).toBe(0);
    });
  });
}
