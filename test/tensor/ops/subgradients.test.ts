import {
  abs,
  backward,
  clamp,
  fftMagnitude,
  leakyRelu,
  max,
  maximum,
  min,
  minimum,
  openScope,
  relu,
  sqrt,
  Tape,
  type Tensor,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

/** What arrives where a function has no derivative: nothing that a numeric gradient could check. */
for (const adapter of await adapterCases()) {
  describe(`subgradients on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    /** Gradients of the operands, where 1, 2, 3, … arrives at the result. */
    async function gradients(run: (...xs: Tensor[]) => Tensor, ...operands: number[][]): Promise<number[][]> {
      const device = await devices.open();
      using scope = openScope(device);
      using tape = new Tape();
      const xs = operands.map((values) => tape.watch(scope.tensor(values, [values.length])));
      const y = run(...xs);
      const gradient = scope.tensor(
        Float32Array.from({ length: y.size }, (_, i) => i + 1),
        y.shape,
      );
      using found = backward(y, { gradient });
      return Promise.all(xs.map(async (x) => Array.from((await found.of(x)?.readFloats()) ?? [])));
    }

    it.each([
      ['abs', abs, [-2, 0, 3], [-1, 0, 3]],
      ['relu', relu, [-2, 0, 3], [0, 0, 3]],
      ['sqrt', sqrt, [0.25, 0, 4], [1, 0, 0.75]],
      ['leakyRelu', (x: Tensor) => leakyRelu(x, { slope: 0.5 }), [-2, 0, 3], [0.5, 1, 3]],
      ['clamp', (x: Tensor) => clamp(x, { min: -1, max: 1 }), [-2, -1, 0, 1, 2], [0, 2, 3, 4, 0]],
    ])('%s at its kinks', async (_name, run, x, expected) => {
      expect(await gradients(run, x)).toEqual([expected]);
    });

    it.each([
      ['maximum', maximum, [0, 2, 3], [1, 0, 0]],
      ['minimum', minimum, [1, 2, 0], [0, 0, 3]],
    ])('%s: the first operand takes the gradient of ties', async (_name, run, ofA, ofB) => {
      expect(await gradients(run, [1, 5, 7], [4, 5, 2])).toEqual([ofA, ofB]);
    });

    it.each([
      ['max', max, [0, 1, 0, 0, 2, 0, 0, 0]],
      ['min', min, [1, 0, 0, 0, 0, 0, 2, 0]],
    ])('%s: the first of equals takes the gradient', async (_name, run, expected) => {
      const rows = (x: Tensor) => run(x.reshape([2, 4]), { axes: [1] });
      expect(await gradients(rows, [-1, 9, 9, -1, 5, 5, 5 - 6, -1])).toEqual([expected]);
    });

    it.each([
      ['max', max, [1, 2, 0, 0]],
      ['min', min, [0, 2, 1, 0]],
    ])('%s: the first of equals along an outer axis', async (_name, run, expected) => {
      const columns = (x: Tensor) => run(x.reshape([2, 2]), { axes: [0] });
      expect(await gradients(columns, [4, 3, 2, 3])).toEqual([expected]);
    });

    it('fftMagnitude of a zero image', async () => {
      const magnitudes = (x: Tensor) => fftMagnitude(x.reshape([1, 6, 8, 1]));
      expect(await gradients(magnitudes, new Array(48).fill(0))).toEqual([new Array(48).fill(0)]);
    });
  });
}
