import {
  apply,
  backward,
  fftMagnitude,
  type NdArray,
  openScope,
  resize2d,
  Tape,
  vjpOf,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, seededValues } from '../../support/compare.ts';
import { upload } from '../../support/tensors.ts';
import { count, named } from './linear-problems.ts';

const values = (seed: number, shape: readonly number[]): NdArray => ({
  shape,
  data: seededValues(seed, count(shape)),
});

for (const adapter of await adapterCases()) {
  describe(`gradients in pieces on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each([
      [
        'conv2d',
        [[3, 21, 13, 8], [3, 3, 8, 12], [12]],
        { stride: 1, padding: { top: 1, bottom: 1, left: 1, right: 1 } },
      ],
      [
        'conv2d',
        [[1, 70, 13, 3], [3, 3, 3, 5], [5]],
        { stride: 2, padding: { top: 1, bottom: 0, left: 0, right: 1 } },
      ],
      [
        'conv2d',
        [[2, 16, 12, 8], [1, 1, 8, 8], [8]],
        { stride: 1, padding: { top: 0, bottom: 0, left: 0, right: 0 } },
      ],
      ['pad2d', [[5, 7, 9, 4]], { top: 3, bottom: 2, left: 9, right: 0, mode: 'reflect' }],
    ])('%s %j takes its gradients in pieces that fit a binding', async (name, shapes, attributes) => {
      const op = named(name);
      const all = { activation: { kind: 'none' }, ...attributes };
      const inputs = shapes.map((shape, i) => values(i + 1, shape));
      const y = values(9, op.reference(inputs, all).shape);
      const expected = vjpOf(op)?.reference(inputs, all, y) ?? [];
      const bounds = vjpOf(op)?.tolerance(inputs, all, y, expected) ?? [];
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 8_192 } });
      using scope = openScope(device);
      using tape = new Tape();
      const operands = inputs.map((input) => tape.watch(upload(scope, input)));
      using gradients = backward(apply(op, operands, all), { gradient: upload(scope, y) });
      for (const [i, operand] of operands.entries()) {
        expectWithin(
          (await gradients.of(operand)?.readFloats()) ?? [],
          expected[i] as NdArray,
          bounds[i] as Float64Array | number,
          `${name} operand ${i}`,
        );
      }
    });

    it('a resize takes its gradient back in pieces as in one, positions that nothing reads included', async () => {
      const results = [];
      for (const limits of [{}, { maxStorageBufferBindingSize: 8_192 }]) {
        using scope = openScope(await devices.open({ limits }));
        using tape = new Tape();
        const x = tape.watch(scope.tensor(new Float32Array(2 * 64 * 32 * 4), [2, 64, 32, 4]));
        const y = resize2d(x, { height: 13, width: 70, mode: 'bilinear' });
        const gradient = scope.tensor(Float32Array.from(seededValues(5, y.size)), y.shape);
        using gradients = backward(y, { gradient });
        results.push(await gradients.of(x)?.readFloats());
      }
      expect(results[0]?.some((value) => value !== 0)).toBe(true);
      expect(results[1]).toEqual(results[0]);
    });

    it('magnitudes take their gradient back in groups of images that fit a binding, with the same bits', async () => {
      const shape = [5, 15, 7, 3];
      const values = Float32Array.from(seededValues(16, count(shape)));
      const results = [];
      // One image has 2,520 bytes of spectrum; 6,000 hold two and the alignment.
      for (const limits of [{}, { maxStorageBufferBindingSize: 6_000 }]) {
        using scope = openScope(await devices.open({ limits }));
        using tape = new Tape();
        const x = tape.watch(scope.tensor(values, shape));
        const gradient = scope.tensor(Float32Array.from(seededValues(17, count(shape))), shape);
        using gradients = backward(fftMagnitude(x), { gradient });
        results.push(await gradients.of(x)?.readFloats());
      }
      expect(results[0]?.some((value) => value !== 0)).toBe(true);
      expect(results[1]).toEqual(results[0]);
    });
  });
}
