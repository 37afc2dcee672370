import { type Device, gradientNorm } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

/** Elements of the segments, whole vec4s. */
const sizes = [
  { name: 'one vec4', lengths: [4] },
  { name: 'several runs', lengths: [64, 4, 1000, 128] },
  { name: 'as many as a small network has', lengths: [1_440_000] },
  { name: 'nothing but zeros', lengths: [64], scale: 0 },
  { name: 'a norm below the limit', lengths: [64], scale: 1e-3 },
  { name: 'a norm below the 1e-6 of the divisor', lengths: [64], scale: 1e-7, maxNorm: 1e-7 },
  { name: 'large values', lengths: [256], scale: 1e15 },
];

describe.each(await adapterCases())('gradient norms on $label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  async function measure(
    device: Device,
    data: readonly Float64Array[],
    maxNorm: number,
  ): Promise<Float32Array> {
    // Every segment begins 256 bytes into its buffer, and ends before the buffer does.
    const buffers = data.map((values) => {
      const padded = new Float32Array(values.length + 128).fill(7);
      padded.set(values, 64);
      return device.upload(padded);
    });
    const result = device.allocate(8);
    const segments = buffers.map((buffer, i) => ({
      buffer,
      offset: 256,
      size: 4 * (data[i]?.length ?? 0),
    }));
    gradientNorm(device, segments, result, maxNorm);
    const values = new Float32Array(await device.read(result));
    for (const buffer of [...buffers, result]) buffer.release();
    return values;
  }

  test.each(sizes)(
    '$name: norm and factor are those of float64',
    async ({ lengths, scale = 1, maxNorm = 0.4 }) => {
      const data = lengths.map((length, i) => seededValues(i + 1, length).map((x) => Math.fround(scale * x)));
      const squares = data.reduce((sum, values) => sum + values.reduce((part, x) => part + x * x, 0), 0);
      const expected = Math.sqrt(squares);
      for (const limits of [{}, { maxStorageBufferBindingSize: 2 ** 20 }]) {
        const device = await devices.open({ limits });
        const [norm = Number.NaN, factor = Number.NaN] = await measure(device, data, maxNorm);
        expect(Math.abs(norm - expected)).toBeLessThanOrEqual(1e-6 * expected);
        const clip = Math.min(1, maxNorm / (expected + 1e-6));
        expect(Math.abs(factor - clip)).toBeLessThanOrEqual(2e-6 * clip);
        expect(await measure(device, data, maxNorm)).toEqual(Float32Array.of(norm, factor));
        expect(device.memory().inUse).toBe(0);
      }
    },
  );
});
