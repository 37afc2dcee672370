import type { Device } from '@lua-webgpu/kernels';
import {
  add,
  affine,
  applyBoth,
  backward,
  cast,
  checkpoint,
  countNonFinite,
  dropout,
  Gradients,
  mean,
  mul,
  openScope,
  square,
  sum,
  Tape,
  type Tensor,
  tanh,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { named } from '../ops/linear-problems.ts';

const code = (name: string) => expect.objectContaining({ code: name });

for (const adapter of await adapterCases()) {
  describe(`tapes on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const gradientOf = async (device: Device, values: number[], loss: (x: Tensor) => Tensor) => {
      using scope = openScope(device);
      using tape = new Tape();
      const x = tape.watch(scope.tensor(values, [values.length]));
      using gradients = backward(loss(x));
      return await gradients.of(x)?.readFloats();
    };

    it('a gradient flows along every path, and stops at detach', async () => {
      const device = await devices.open();
      expect(await gradientOf(device, [3], (x) => sum(add(mul(x, x), x)))).toEqual(Float32Array.of(7));
      expect(await gradientOf(device, [3], (x) => sum(mul(x, x.detach())))).toEqual(Float32Array.of(3));
    });

    it('nothing is recorded where no operand wants a gradient', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const y = square(tape.constant(scope.tensor([1, 2], [2])));
      expect([tape.length, y.tape === tape, y.source]).toEqual([0, true, undefined]);
      expect(() => backward(sum(y))).toThrow(code('autograd-no-tape'));
    });

    it('refuses a loss of several elements, two tapes, and a second pass', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      using other = new Tape();
      const x = tape.watch(scope.tensor([1, 2], [2]));
      expect(() => add(x, other.watch(scope.tensor([1, 2], [2])))).toThrow(code('autograd-two-tapes'));
      expect(() => backward(square(x))).toThrow(code('autograd-not-scalar'));
      const gradient = scope.tensor([1], [1]);
      expect(() => backward(square(x), { gradient })).toThrow(code('autograd-not-scalar'));
      const loss = sum(square(x));
      backward(loss).dispose();
      expect(() => backward(loss)).toThrow(code('autograd-consumed'));
      expect(() => square(x)).toThrow(code('autograd-consumed'));
    });

    it('an op without a gradient is refused when it is called, with the reason', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const x = tape.watch(scope.tensor([1, 2], [2]));
      expect(() => countNonFinite(x)).toThrow(/countNonFinite has no gradient \(a count of values/);
      expect(() => countNonFinite(x)).toThrow(code('autograd-no-vjp'));
      expect((await countNonFinite(tape.constant(x)).read())[0]).toBe(0);
    });

    it('the second result of an op has no gradient', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const x = scope.tensor([1, 2], [2]);
      const both = (operand: Tensor) => applyBoth(named('layerNorm'), [operand, x, x], { eps: 1e-5 });
      expect(() => both(tape.watch(x))).toThrow(code('autograd-no-vjp'));
      expect(both(tape.constant(x)).second.shape).toEqual([2]);
      expect(() => applyBoth(named('square'), [x], {})).toThrow('square has one result');
    });

    it('gradients are f32 where the tensor is f16', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const half = tape.watch(cast(scope.tensor([1, 2, 3], [3]), 'f16'));
      using gradients = backward(sum(affine(cast(half, 'f32'), { scale: 1 + 2 ** -20, offset: 0 })));
      const gradient = gradients.of(half);
      expect([gradient?.dtype, gradient?.shape]).toEqual(['f32', [3]]);
      expect(await gradient?.readFloats()).toEqual(new Float32Array(3).fill(1 + 2 ** -20));
    });

    it('a checkpoint drops and computes the same again, to the bit', async () => {
      const device = await devices.open();
      const values = Array.from({ length: 40 }, (_, i) => Math.sin(i));
      const compute = (x: Tensor) => tanh(dropout(square(x), { p: 0.5, seed: 3, step: 7 }));
      const stored = await gradientOf(device, values, (x) => mean(compute(x)));
      expect(stored?.filter((value) => value !== 0).length).toBeGreaterThan(10);
      expect(await gradientOf(device, values, (x) => mean(checkpoint(x, compute)))).toEqual(stored);
    });

    it('micro-batches add up in one store, which keeps one gradient whatever their number', async () => {
      const device = await devices.open();
      using scope = openScope(device);
      using weight = scope.tensor([1, 2, 3, 4], [4]);
      using gradients = new Gradients(device);
      using leaves = new Tape();
      const watched = leaves.watch(weight);
      const inUse: number[] = [];
      for (let part = 1; part <= 4; part++) {
        using inner = scope.child();
        gradients.accumulate(watched, [2, 2], inner.tensor([part, 0, 0, 1], [4]));
        inUse.push(device.memory().inUse);
      }
      expect(await gradients.of(watched)?.readFloats()).toEqual(Float32Array.of(10, 0, 0, 4));
      expect(new Set(inUse.slice(1)).size).toBe(1);
      gradients.dispose();
      expect(device.memory().inUse).toBeLessThan(inUse[0] as number);
    });

    it('memory is back after all of this', async () => {
      const device = await devices.open();
      await device.synchronize();
      expect(device.memory().inUse).toBe(0);
    });
  });
}
