import { type Device, openDevice } from '@lua-webgpu/kernels';
import { openScope } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { add, double } from './kernels.ts';

const usage = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** What the caller reads with his own code. */
async function readBack(gpu: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const size = buffer.size;
  const mapped = gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, mapped, 0, size);
  gpu.queue.submit([encoder.finish()]);
  await mapped.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(mapped.getMappedRange().slice(0));
  mapped.destroy();
  return values;
}

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  /** A GPUDevice of the caller's, and one of ours on it. */
  async function onTheirs(): Promise<{ theirs: GPUDevice; device: Device }> {
    const theirs = (await devices.open({ poison: false })).gpu;
    return { theirs, device: await openDevice({ device: theirs, poison: true }) };
  }

  test('the caller’s GPUDevice outlives ours, without our buffers', async () => {
    const { theirs, device } = await onTheirs();
    expect(device.gpu).toBe(theirs);
    expect(device.adapter.kind).toBe('software');
    const held = device.upload(new Float32Array(64).fill(3));
    const given = theirs.createBuffer({ size: 256, usage: usage() });
    const wrapped = device.wrap(given);
    device.copy(held, 0, wrapped, 0, 256);
    await device.synchronize();
    const pending = device.read(held).catch((error) => error);
    device.destroy();
    expect(await pending).toMatchObject({ code: 'device-lost' });
    expect(await device.lost).toMatchObject({ code: 'device-lost' });

    expect((await readBack(theirs, given))[63]).toBe(3);
    theirs.pushErrorScope('validation');
    theirs.queue.writeBuffer(held.gpu, 0, new Float32Array(1));
    const error = await theirs.popErrorScope();
    expect(error?.message).toMatch(/destroyed/);
    const second = await openDevice({ device: theirs });
    const x = second.upload(new Float32Array(64).fill(1));
    const out = second.wrap(given);
    second.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } });
    await second.synchronize();
    expect((await readBack(theirs, given))[0]).toBe(2);
    second.destroy();
    given.destroy();
  });

  test('the caller’s own error scopes stay as he set them', async () => {
    const { theirs, device } = await onTheirs();
    theirs.pushErrorScope('validation');
    const x = device.upload(new Float32Array(64).fill(1));
    const out = device.allocate(256);
    device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } });
    const read = device.read(out);
    theirs.createBuffer({ size: 4, usage: 0 });
    expect((await theirs.popErrorScope())?.message).toMatch(/usage/i);
    expect(new Float32Array(await read)[0]).toBe(2);
    await expect(theirs.popErrorScope()).rejects.toThrow();
    device.destroy();
  });

  test('a caller’s buffer as a tensor, and a tensor’s buffer in the caller’s hands', async () => {
    const device = await devices.open();
    const mine = device.gpu.createBuffer({ size: 16, usage: usage() });
    device.gpu.queue.writeBuffer(mine, 0, Float32Array.of(1, 2, 3, 4));
    const before = device.memory().inUse;
    {
      using scope = openScope(device);
      const tensor = scope.wrap(mine, [2, 2]);
      expect([...(await tensor.read())]).toEqual([1, 2, 3, 4]);
      device.dispatch(double, { buffers: { out: tensor.buffer() }, params: {} });
      const copied = scope.tensor([5, 6], [2]);
      device.flush();
      expect((await readBack(device.gpu, copied.buffer().gpu)).subarray(0, 2)).toEqual(Float32Array.of(5, 6));
    }
    expect(device.memory().inUse).toBe(before);
    expect([...(await readBack(device.gpu, mine))]).toEqual([2, 4, 6, 8]);
    mine.destroy();
  });

  test.each<[string, GPUBufferDescriptor, number]>([
    ['lacks a usage', { size: 16, usage: 0x80 }, 16],
    ['is smaller than what it is to hold', { size: 16, usage: 0x80 | 4 | 8 }, 20],
    ['is no whole words', { size: 18, usage: 0x80 | 4 | 8 }, 18],
  ])('a caller’s buffer that %s is refused', async (_name, descriptor, bytes) => {
    const device = await devices.open();
    expect(GPUBufferUsage.STORAGE).toBe(0x80);
    const buffer = device.gpu.createBuffer(descriptor);
    expect(() => device.wrap(buffer, bytes)).toThrow(expect.objectContaining({ code: 'kernel-buffer' }));
    buffer.destroy();
  });

  test('a caller’s buffer of another GPUDevice is an error with the kernel’s name', async () => {
    const [device, other] = [await devices.open(), await devices.open({ poison: false })];
    const foreign = other.gpu.createBuffer({ size: 256, usage: usage() });
    const out = device.wrap(foreign);
    device.dispatch(double, { buffers: { out }, params: {} });
    await expect(device.synchronize()).rejects.toMatchObject({
      code: 'gpu-validation',
      message: expect.stringContaining('test/double'),
    });
    out.release();
    await device.synchronize();
    foreign.destroy();
  });
});
