import type { Activation, Device } from '@lua-webgpu/kernels';
import { backward, conv2d, matmul, openScope, sum, Tape, type Tensor } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const activations: readonly Activation[] = [
  { kind: 'gelu' },
  { kind: 'leaky-relu', slope: 0.01 },
  { kind: 'leaky-relu', slope: 0 },
];
/** The zeros of relu have no sign, those of a product with 0 do. */
const unsigned = (x: number) => x + 0;
const values = (seed: number, count: number) => Float32Array.from(seededValues(seed, count));

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  let device: Device;
  beforeAll(async () => {
    device = await devices.open();
  });
  afterAll(() => devices.close());

  test.each(activations)('a product with %j has the same values on a tape', async (activation) => {
    const before = device.memory().inUse;
    {
      using scope = openScope(device);
      using tape = new Tape();
      const x = scope.tensor(values(1, 2 * 6 * 5 * 12), [2, 6, 5, 12]);
      const weight = scope.tensor(values(2, 12 * 20), [12, 20]);
      const addend = scope.tensor(values(4, 2 * 6 * 5 * 20), [2, 6, 5, 20]);
      const kernel = scope.tensor(values(3, 3 * 3 * 12 * 8), [3, 3, 12, 8]);
      for (const product of [
        (input: Tensor) => matmul(input, weight, { activation }),
        (input: Tensor) => matmul(input, weight, { addend, activation }),
        (input: Tensor) => conv2d(input, kernel, { padding: 1, activation }),
      ]) {
        const fused = await product(x).readFloats();
        const recorded = product(tape.watch(x));
        expect((await recorded.readFloats()).map(unsigned)).toEqual(fused.map(unsigned));
        expect(recorded.source).toBeDefined();
      }
    }
    expect(device.memory().inUse).toBe(before);
  });

  test('its gradient computes no product a second time', () => {
    using scope = openScope(device);
    using tape = new Tape();
    const x = tape.watch(scope.tensor(values(1, 8 * 12), [8, 12]));
    const weight = scope.tensor(values(2, 12 * 20), [12, 20]);
    const loss = sum(matmul(x, weight, { activation: { kind: 'gelu' } }));
    const dispatched = vi.spyOn(device, 'dispatch');
    backward(loss).dispose();
    const kernels = dispatched.mock.calls.map(([{ name }]) => name);
    dispatched.mockRestore();
    // That of the gradient and the transposed weight.
    expect(kernels.filter((name) => name.startsWith('matmul/'))).toHaveLength(1);
  });

  test('its gradient is that of the activation behind the product', async () => {
    using scope = openScope(device);
    using tape = new Tape();
    const x = tape.watch(scope.tensor([1, -2], [2, 1]));
    const weight = scope.tensor([3], [1, 1]);
    const loss = sum(matmul(x, weight, { activation: { kind: 'leaky-relu', slope: 0.25 } }));
    using gradients = backward(loss);
    expect([...((await gradients.of(x)?.readFloats()) ?? [])]).toEqual([3, 0.75]);
  });
});
