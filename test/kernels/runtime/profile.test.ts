import { type Device, type GpuBuffer, KernelError } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { double, put } from './kernels.ts';

const floats = async (device: Device, buffer: GpuBuffer) => new Float32Array(await device.read(buffer));
const cases = (await adapterCases()).filter(({ label }) => label !== 'compatibility');

describe.each(cases)('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  test('counts and times the dispatches of each kernel, over several submissions, and computes the same', async () => {
    const device = await devices.open();
    const out = device.allocate(4 * 300);
    const times = await device.profile(async () => {
      for (let at = 0; at < 300; at++) device.dispatch(put, { buffers: { out }, params: { at, value: at } });
      await device.synchronize();
      device.dispatch(double, { buffers: { out }, params: {} });
    });
    expect(new Map(times.map(({ kernel, dispatches }) => [kernel, dispatches]))).toEqual(
      new Map([
        ['test/put', 300],
        ['test/double', 1],
      ]),
    );
    expect(times.map(({ flops }) => flops).sort()).toEqual([1, 300]);
    for (const { ms } of times) expect(ms).toBeGreaterThan(0);
    expect((await floats(device, out))[63]).toBe(126);
    expect(await device.profile(() => undefined)).toEqual([]);
    out.release();
  });

  test('stops with what is profiled, also where that throws', async () => {
    const device = await devices.open();
    const out = device.allocate(256);
    const failing = device.profile(() => {
      throw new RangeError('from the work');
    });
    await expect(failing).rejects.toThrow('from the work');
    device.dispatch(put, { buffers: { out }, params: { at: 0, value: 3 } });
    expect((await floats(device, out))[0]).toBe(3);
    expect(await device.profile(() => undefined)).toEqual([]);
    out.release();
  });

  test('traces every dispatch, in order', async () => {
    const device = await devices.open();
    const out = device.allocate(4 * 64);
    const passes = await device.trace(() => {
      for (let at = 0; at < 3; at++) device.dispatch(put, { buffers: { out }, params: { at, value: at } });
      device.dispatch(double, { buffers: { out }, params: {} });
    });
    expect(passes.map(({ kernel }) => kernel)).toEqual(['test/put', 'test/put', 'test/put', 'test/double']);
    for (const [i, { begin, end }] of passes.entries()) {
      expect(end).toBeGreaterThan(begin);
      if (i > 0) expect(begin).toBeGreaterThanOrEqual(passes[i - 1]?.begin as number);
    }
    out.release();
  });

  test('a device without timestamps refuses', async () => {
    const device = await devices.open({ featureLevel: 'compatibility' });
    await expect(device.profile(() => undefined)).rejects.toThrow(KernelError);
  });
});
