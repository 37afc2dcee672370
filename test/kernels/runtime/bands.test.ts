import {
  AllocationError,
  bandRange,
  type Device,
  type GpuBuffer,
  matmul,
  rowBands,
} from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const binding = (bytes: number) => ({ maxStorageBufferBindingSize: bytes }) as never;

describe('row bands', () => {
  test('one where everything fits, also without rows', () => {
    expect(rowBands('op', 100, [40, 24], binding(4000))).toEqual([{ first: 0, count: 100 }]);
    expect(rowBands('op', 0, [40], binding(4000))).toEqual([{ first: 0, count: 0 }]);
    expect(rowBands('op', 5, [0], binding(4000))).toEqual([{ first: 0, count: 5 }]);
  });

  test.each([
    [101, [40, 24], 4000, undefined],
    [1000, [12, 12], 1024, undefined],
    [129, [4], 4096, 128],
    [640, [100], 6400, undefined],
  ])('%d rows of %j bytes in bindings of %d', (rows, bytesPerRow, limit, maxRows) => {
    const bands = rowBands('op', rows, bytesPerRow, binding(limit), maxRows);
    expect(bands.length).toBeGreaterThan(1);
    let next = 0;
    for (const { first, count } of bands) {
      expect(first).toBe(next);
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(maxRows ?? rows);
      for (const bytes of bytesPerRow) {
        expect((first * bytes) % 256).toBe(0);
        expect(count * bytes).toBeLessThanOrEqual(limit);
      }
      next = first + count;
    }
    expect(next).toBe(rows);
  });

  test('64 rows that do not fit are an error with the numbers', () => {
    const split = () => rowBands('matmul', 65, [40, 24], binding(2559));
    expect(split).toThrow(AllocationError);
    expect(split).toThrow(/matmul: 64 rows of 40 bytes do not fit one binding of 2559/);
    expect(rowBands('matmul', 63, [40], binding(2559))).toHaveLength(1);
  });

  test('a band is a range of whole rows', () => {
    const buffer = {} as GpuBuffer;
    expect(bandRange(buffer, { first: 64, count: 3 }, 12)).toEqual({ buffer, offset: 768, size: 36 });
    expect(bandRange(buffer, { first: 0, count: 0 }, 12)).toEqual({ buffer, offset: 0, size: 4 });
  });
});

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  test.each([
    [200, 12, 20],
    [131, 7, 5],
  ])('matmul in bands has the bits of the whole: %d × %d × %d', async (rows, k, n) => {
    const widest = 4 * Math.max(k, n);
    const product = async (device: Device) => {
      const a = device.upload(Float32Array.from(seededValues(1, rows * k)));
      const b = device.upload(Float32Array.from(seededValues(2, k * n)));
      const bias = device.upload(Float32Array.from(seededValues(3, n)));
      const addend = device.upload(Float32Array.from(seededValues(4, rows * n)));
      const out = device.allocate(4 * rows * n);
      const activation = { kind: 'gelu' } as const;
      matmul(device, { a, b, bias, addend, out }, { rows, k, n, bias: true, addend: true, activation });
      const bits = new Uint32Array(await device.read(out));
      for (const buffer of [a, b, bias, addend, out]) buffer.release();
      return bits;
    };
    const whole = await product(await devices.open());
    const banded = await devices.open({ limits: { maxStorageBufferBindingSize: 64 * widest } });
    expect(await product(banded)).toEqual(whole);
    expect(whole.every((bits) => bits !== 0xffffffff)).toBe(true);

    const narrow = await devices.open({ limits: { maxStorageBufferBindingSize: 63 * widest } });
    await expect(product(narrow)).rejects.toMatchObject({ code: 'binding-too-large' });
  });

  test('limits can be lowered, not raised', async () => {
    const device = await devices.open({
      limits: { maxBufferSize: 2 ** 50, maxComputeWorkgroupSizeX: 16, minStorageBufferOffsetAlignment: 1 },
    });
    const { limits } = device.capabilities;
    expect(limits.maxBufferSize).toBe(device.gpu.limits.maxBufferSize);
    expect(limits.maxComputeWorkgroupSizeX).toBe(16);
    expect(limits.minStorageBufferOffsetAlignment).toBe(device.gpu.limits.minStorageBufferOffsetAlignment);
  });
});
