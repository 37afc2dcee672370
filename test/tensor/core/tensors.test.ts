import { type Device, LuaWebGpuError } from '@lua-webgpu/kernels';
import { openScope, type Scope, type Shape, type Tensor, type TensorData } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LuaWebGpuError);
    return (error as LuaWebGpuError).code;
  }
  return 'nothing was thrown';
};

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  let device: Device;
  let scope: Scope;
  beforeAll(async () => {
    device = await devices.open();
    scope = openScope(device);
  });
  afterAll(() => devices.close());

  test.each<[TensorData, Shape, string]>([
    [[], [0], 'f32'],
    [[], [3, 0, 2], 'f32'],
    [[7], [], 'f32'],
    [[1, 2, 3, 4, 5, 6], [1, 2, 3, 1, 1], 'f32'],
    [Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0), [3], 'f32'],
    [Int32Array.of(-1, 2), [2], 'i32'],
    [Uint32Array.of(4_294_967_295), [1], 'u32'],
  ])('%j as %j is read back as it is', async (data, shape, dtype) => {
    const tensor = scope.tensor(data, shape);
    expect(tensor).toMatchObject({ shape, dtype, size: data.length });
    expect([...(await tensor.read())]).toEqual([...data]);
    const floats = await tensor.readFloats().catch((error) => error.code);
    if (dtype === 'f32') expect([...floats]).toEqual([...data]);
    else expect(floats).toBe('dtype-mismatch');
    tensor.dispose();
  });

  test('a constant is made once, has its values, and can be a part of captured work', async () => {
    let made = 0;
    const make = () => {
      made += 1;
      return [1, 2, 3];
    };
    const { result, capture } = device.capture(() => scope.constant('of this test', make, [3]));
    const again = scope.constant('of this test', make, [3]);
    device.clear(result.buffer());
    capture.replay();
    for (const tensor of [result, again]) expect([...(await tensor.read())]).toEqual([1, 2, 3]);
    expect(made).toBe(1);
    expect(code(() => scope.constant('of this test', make, [2]))).toBe('shape-mismatch');
    const empty = scope.constant('empty', () => [], [0, 3]);
    expect(empty.size).toBe(0);
    capture.release();
  });

  test('a view of a larger array is uploaded alone', async () => {
    const tensor = scope.tensor(Float32Array.of(0, 1, 2, 3, 4).subarray(1, 4), [3]);
    expect([...(await tensor.read())]).toEqual([1, 2, 3]);
  });

  test('f16 takes whole words and is read as floats', async () => {
    const tensor = scope.empty([3], 'f16');
    expect(tensor.buffer().byteLength).toBe(8);
    device.write(tensor.buffer(), 0, Uint16Array.of(0x3c00, 0xc000, 0x0001, 0xffff));
    expect([...(await tensor.read())]).toEqual([1, -2, 2 ** -24]);
  });

  test.each<[string, string, () => unknown]>([
    ['too few values', 'shape-mismatch', () => scope.tensor([1, 2], [3])],
    ['a negative size', 'shape-invalid', () => scope.tensor([1], [-1, -1])],
    ['a fraction', 'shape-invalid', () => scope.tensor([1], [0.5, 2])],
    ['NaN as a size', 'shape-invalid', () => scope.empty([Number.NaN])],
    ['a rank of six', 'shape-invalid', () => scope.empty([1, 1, 1, 1, 1, 1])],
    ['a size beyond what numbers count', 'shape-invalid', () => scope.empty([2 ** 53])],
    ['more than the device can hold', 'buffer-too-large', () => scope.empty([2 ** 40])],
    ['values of another type', 'dtype-unknown', () => scope.tensor(new Float64Array(2) as never, [2])],
    ['bytes', 'dtype-unknown', () => scope.tensor(new Uint8Array(2) as never, [2])],
  ])('%s is refused and takes nothing', (_name, expected, make) => {
    const before = device.memory().inUse;
    expect(code(make)).toBe(expected);
    expect(device.memory().inUse).toBe(before);
  });

  describe('reshape', () => {
    let x: Tensor;
    beforeAll(() => {
      x = scope.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    });

    test.each<[Shape, Shape]>([
      [
        [3, 2],
        [3, 2],
      ],
      [[-1], [6]],
      [
        [2, -1, 1],
        [2, 3, 1],
      ],
      [
        [1, 6, 1, 1, 1],
        [1, 6, 1, 1, 1],
      ],
    ])('to %j', async (shape, expected) => {
      const before = device.memory().inUse;
      const y = x.reshape(shape);
      expect(device.memory().inUse).toBe(before);
      expect(y).toMatchObject({ shape: expected, scope });
      expect(y.buffer()).toBe(x.buffer());
      expect([...(await y.read())]).toEqual([1, 2, 3, 4, 5, 6]);
      y.dispose();
    });

    test.each<[Shape, string]>([
      [[5], 'shape-mismatch'],
      [[-1, -1], 'shape-mismatch'],
      [[4, -1], 'shape-mismatch'],
      [[0, -1], 'shape-mismatch'],
      [[], 'shape-mismatch'],
      [[-2, -3], 'shape-invalid'],
      [[1, 1, 1, 1, 1, 6], 'shape-invalid'],
      [[1.5, 4], 'shape-invalid'],
    ])('to %j is refused', (shape, expected) => {
      expect(code(() => x.reshape(shape))).toBe(expected);
    });

    test('of a scalar, and of nothing', () => {
      const one = scope.tensor([1], []);
      expect(one.reshape([-1]).shape).toEqual([1]);
      expect(code(() => one.reshape([-1, -1]))).toBe('shape-mismatch');
      const none = scope.tensor([], [0, 4]);
      expect(none.reshape([4, -1]).shape).toEqual([4, 0]);
      expect(code(() => none.reshape([0, -1]))).toBe('shape-mismatch');
    });

    test('keeps the memory alive as long as any handle', async () => {
      const before = device.memory().inUse;
      const a = scope.tensor([1, 2], [2]);
      const b = a.reshape([1, 2]);
      const c = b.reshape([2, 1]);
      a.dispose();
      a.dispose();
      b.dispose();
      expect([...(await c.read())]).toEqual([1, 2]);
      expect(device.memory().inUse).toBe(before + 256);
      c.dispose();
      expect(device.memory().inUse).toBe(before);
    });
  });
});
