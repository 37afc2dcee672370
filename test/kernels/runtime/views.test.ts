import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { add, double, swap } from './kernels.ts';

describe.each(await adapterCases())('views of a buffer on $label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());
  const floats = (length: number, first = 0) => Float32Array.from({ length }, (_, i) => first + i);
  const read = async (buffer: Parameters<Awaited<ReturnType<DeviceSet['open']>>['read']>[0]) => [
    ...new Float32Array(await buffer.device.read(buffer)),
  ];

  test('reads, writes, copies, clears and dispatches stay inside', async () => {
    const device = await devices.open();
    const whole = device.upload(floats(192));
    const views = [whole.view(0, 256), whole.view(256, 256), whole.view(512, 256)] as const;
    expect(await read(views[1])).toEqual([...floats(64, 64)]);
    device.write(views[1], 0, floats(64, 1000));
    device.copy(views[1], 16, device.upload(floats(64)), 0, 16);
    device.clear(views[0]);
    const out = device.upload(floats(64));
    device.copy(views[2], 128, out, 0, 128);
    expect(await read(whole)).toEqual([...new Float32Array(64), ...floats(64, 1000), ...floats(64, 128)]);
    expect((await read(out)).slice(0, 32)).toEqual([...floats(32, 160)]);
    expect([...new Float32Array(await device.read(views[2], 8, 8))]).toEqual([130, 131]);
  });

  test('a kernel sees a view as a whole buffer', async () => {
    const device = await devices.open();
    const whole = device.upload(floats(192));
    const [a, b] = [whole.view(256, 256), whole.view(512, 256)];
    const out = device.allocate(256);
    for (const x of [a, b, a]) {
      device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } });
      expect(await read(out)).toEqual([...floats(64, x === a ? 65 : 129)]);
    }
    device.dispatch(double, { buffers: { out: b }, params: {} });
    expect((await read(whole)).filter((value, i) => value !== i)).toEqual(
      [...floats(64, 128)].map((value) => 2 * value),
    );
  });

  test('a kernel writes two views of one buffer, but does not read one and write the other', async () => {
    const device = await devices.open();
    const whole = device.upload(floats(192));
    const [a, b] = [whole.view(256, 256), whole.view(512, 256)];
    device.dispatch(swap, { buffers: { a, b }, params: {} });
    expect(await read(whole)).toEqual([...floats(64), ...floats(64, 128), ...floats(64, 64)]);
    const calls = [
      () => device.dispatch(swap, { buffers: { a, b: whole.view(256, 256) }, params: {} }),
      () => device.dispatch(add, { buffers: { x: a, out: b }, params: { count: 64, value: 1 } }),
    ];
    for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: 'kernel-aliased' }));
  });

  test('the memory goes back with the last of whole and views', async () => {
    const device = await devices.open();
    await device.synchronize();
    const before = device.memory().inUse;
    const whole = device.upload(floats(192));
    const [one, other] = [whole.view(0, 256), whole.view(256, 256)];
    one.release();
    one.release();
    whole.release();
    expect(device.memory().inUse).toBeGreaterThan(before);
    expect(await read(other)).toEqual([...floats(64, 64)]);
    expect(() => whole.view(0, 4)).toThrow(expect.objectContaining({ code: 'kernel-range' }));
    other.release();
    expect(device.memory().inUse).toBe(before);
  });

  test.each([
    [4, 4],
    [256, 600],
    [-256, 4],
    [0, 772],
  ])('a view from %i of %i bytes is refused', async (offset, bytes) => {
    const device = await devices.open();
    const whole = device.upload(floats(192));
    expect(() => whole.view(offset, bytes)).toThrow(expect.objectContaining({ code: 'kernel-range' }));
    whole.release();
  });
});
