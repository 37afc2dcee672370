import { type Device, dropout, type GpuBuffer, openDevice } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { add, double, put } from './kernels.ts';

const floats = async (device: Device, buffer: GpuBuffer) => new Float32Array(await device.read(buffer));
const filled = (value: number) => new Float32Array(64).fill(value);

/** out = 2 · (x + 1), by way of a buffer that is given back, and one more that takes its place. */
function work(device: Device, x: GpuBuffer): GpuBuffer {
  const first = device.allocate(256);
  device.dispatch(add, { buffers: { x, out: first }, params: { count: 64, value: 0.5 } });
  const second = device.allocate(256);
  device.dispatch(add, { buffers: { x: first, out: second }, params: { count: 64, value: 0.5 } });
  first.release();
  const out = device.allocate(256);
  device.copy(second, 0, out, 0, 256);
  second.release();
  device.dispatch(double, { buffers: { out }, params: {} });
  return out;
}

const codeOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return 'nothing was thrown';
};

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  test.each([false, true])(
    'a replay computes anew from what its operands hold (poisoned: %s)',
    async (poison) => {
      const device = await devices.open({ poison });
      const x = device.upload(filled(1));
      const { result, capture } = device.capture(() => work(device, x));
      expect(await floats(device, result)).toEqual(filled(4));
      for (const value of [10, -3]) {
        device.write(x, 0, filled(value));
        capture.replay();
        expect(await floats(device, result)).toEqual(filled(2 * (value + 1)));
      }
      capture.release();
      for (const buffer of [x, result]) buffer.release();
    },
  );

  test('a table that the work makes stays what it is', async () => {
    const device = await devices.open();
    const out = device.allocate(256);
    const { capture } = device.capture(() => {
      const x = device.tables.get('of the capture test', () => filled(3));
      device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } });
    });
    for (let i = 0; i < 2; i++) {
      capture.replay();
      expect(await floats(device, out)).toEqual(filled(4));
    }
    capture.release();
    out.release();
  });

  test('a table takes no memory that the commands before it write', async () => {
    const device = await devices.open();
    const [x, out] = [device.upload(filled(1)), device.allocate(256)];
    const { capture } = device.capture(() => {
      const before = device.allocate(256);
      device.dispatch(add, { buffers: { x, out: before }, params: { count: 64, value: 0 } });
      before.release();
      const table = device.tables.get('of the second capture test', () => filled(3));
      device.dispatch(add, { buffers: { x: table, out }, params: { count: 64, value: 1 } });
    });
    for (let i = 0; i < 2; i++) {
      expect(await floats(device, out)).toEqual(filled(4));
      capture.replay();
    }
    capture.release();
    for (const buffer of [x, out]) buffer.release();
  });

  test('captures that share memory take no more than the larger one, and each computes what it did', async () => {
    const device = await devices.open({ poison: false });
    const x = device.upload(filled(1));
    const outs = [device.allocate(256), device.allocate(256), device.allocate(256)] as const;
    const before = device.memory().inUse;
    const into = (out: GpuBuffer) => () => {
      const result = work(device, x);
      device.copy(result, 0, out, 0, 256);
      result.release();
    };
    const first = device.capture(into(outs[0])).capture;
    const alone = device.memory().inUse - before;
    expect(alone).toBe(2 * 256);
    const second = device.capture(into(outs[1]), { shares: [first] }).capture;
    expect(device.memory().inUse - before).toBe(alone);
    const apart = device.capture(into(outs[2])).capture;
    expect(device.memory().inUse - before).toBe(2 * alone);
    for (const [value, capture, out] of [
      [5, first, outs[0]],
      [6, second, outs[1]],
      [7, apart, outs[2]],
      [8, first, outs[0]],
    ] as const) {
      device.write(x, 0, filled(value));
      capture.replay();
      expect(await floats(device, out)).toEqual(filled(2 * (value + 1)));
    }
    first.release();
    device.write(x, 0, filled(9));
    const other = device.upload(filled(7));
    second.replay();
    expect(await floats(device, outs[1])).toEqual(filled(20));
    expect(await floats(device, other)).toEqual(filled(7));
    for (const buffer of [other, ...[second, apart]]) buffer.release();
    expect(device.memory().inUse).toBe(before);
    for (const buffer of [x, ...outs]) buffer.release();
  });

  test('a replay with another step drops other samples, those that the op drops at that step', async () => {
    const device = await devices.open({ poison: false });
    const x = device.upload(filled(1));
    const out = device.allocate(256);
    const drop = (step: number) =>
      dropout(
        device,
        { x, out },
        { count: 64, perSample: 4, firstSample: 0, seed: 3, step, stream: 1, p: 0.5, wholeSamples: true },
      );
    const { capture } = device.capture(() => drop(0));
    const replayed: Float32Array[] = [];
    for (const step of [1, 2, undefined]) {
      capture.replay(step === undefined ? {} : { step });
      replayed.push(await floats(device, out));
    }
    const dispatched: Float32Array[] = [];
    for (const step of [1, 2, 2]) {
      drop(step);
      dispatched.push(await floats(device, out));
    }
    expect(replayed).toEqual(dispatched);
    expect(replayed[0]).not.toEqual(replayed[1]);
    capture.release();
    for (const buffer of [x, out]) buffer.release();
  });

  test('a replay creates no buffers and no bind groups, and what others compute leaves its memory alone', async () => {
    // A device of its own, on which no bind group is known yet.
    const device = await devices.open({ poison: false, maxPooledBytes: 2 ** 20 });
    const x = device.upload(filled(1));
    const before = device.memory().inUse;
    let groups = 0;
    const create = device.gpu.createBindGroup;
    device.gpu.createBindGroup = (descriptor) => {
      groups += 1;
      return create.call(device.gpu, descriptor);
    };
    const { result, capture } = device.capture(() => work(device, x));
    expect(groups).toBe(3);
    // The second buffer, and the first, whose place the result took.
    expect(device.memory().inUse - before).toBe(2 * 256);
    const ids = Array.from({ length: 4 }, () => device.allocate(256));
    for (const buffer of ids) device.write(buffer, 0, filled(Number.NaN));

    const { created } = device.memory();
    for (let i = 0; i < 3; i++) capture.replay();
    device.gpu.createBindGroup = create;
    expect(groups).toBe(3);
    expect(device.memory().created).toBe(created);
    expect(await floats(device, result)).toEqual(filled(4));

    for (const buffer of ids) expect(await floats(device, buffer)).toEqual(filled(Number.NaN));
    for (const buffer of [...ids, result]) buffer.release();
    expect(device.memory().inUse - before).toBe(2 * 256);
    capture.release();
    capture.release();
    expect(device.memory().inUse).toBe(before);
    expect(codeOf(() => capture.replay())).toBe('capture-released');
    x.release();
  });

  test('replays of more commands than one submission holds, among others of the same kernel', async () => {
    const device = await devices.open({ poison: false });
    const out = device.allocate(4 * 300);
    const other = device.allocate(256);
    const { capture } = device.capture(() => {
      for (let at = 0; at < 300; at++) device.dispatch(put, { buffers: { out }, params: { at, value: at } });
    });
    const expected = Float32Array.from({ length: 300 }, (_, at) => at);
    for (let i = 0; i < 2; i++) {
      device.clear(out);
      capture.replay();
      // Into the pass that the replay left open, where pipeline and params are those of its last command.
      device.dispatch(put, { buffers: { out: other }, params: { at: i, value: 7 + i } });
      device.flush();
      capture.replay();
      expect(await floats(device, out)).toEqual(expected);
      expect((await floats(device, other))[i]).toBe(7 + i);
    }
    capture.release();
    for (const buffer of [out, other]) buffer.release();
  });

  test('memory of two captures goes back when both are released', async () => {
    const device = await devices.open({ poison: false });
    const x = device.upload(filled(1));
    const before = device.memory().inUse;
    const first = device.capture(() => work(device, x));
    const second = device.capture(() => work(device, first.result));
    first.result.release();
    first.capture.release();
    const other = device.upload(filled(7));
    second.capture.replay();
    expect(await floats(device, second.result)).toEqual(filled(10));
    for (const buffer of [other, second.result]) buffer.release();
    second.capture.release();
    expect(device.memory().inUse).toBe(before);
    x.release();
  });

  test('what a replay could not repeat is refused, and the device goes on', async () => {
    const device = await devices.open({ poison: false });
    const x = device.upload(filled(1));
    const before = device.memory().inUse;
    const { result, capture } = device.capture(() => work(device, x));
    expect(codeOf(() => device.capture(() => device.write(x, 0, filled(2))))).toBe('kernel-capture');
    expect(codeOf(() => device.capture(() => device.upload(filled(2))))).toBe('kernel-capture');
    expect(codeOf(() => device.capture(() => device.capture(() => undefined)))).toBe('kernel-capture');
    expect(codeOf(() => device.capture(() => capture.replay()))).toBe('kernel-capture');
    expect(codeOf(() => device.capture(async () => undefined))).toBe('kernel-capture');
    const reads: Promise<unknown>[] = [];
    device.capture(() => reads.push(device.read(x))).capture.release();
    await expect(reads[0]).rejects.toMatchObject({ code: 'kernel-capture' });
    const failing = () => {
      const buffer = device.allocate(256);
      device.clear(buffer);
      buffer.release();
      throw new RangeError('of the work');
    };
    expect(() => device.capture(failing)).toThrow('of the work');
    capture.replay();
    expect(await floats(device, result)).toEqual(filled(4));
    result.release();
    capture.release();
    expect(device.memory().inUse).toBe(before);
    x.release();
  });
});

test('a replay on a lost device says so, and the capture can be released', async () => {
  const device = await openDevice({ adapter: 'swiftshader' });
  const x = device.upload(filled(1));
  const { capture } = device.capture(() => work(device, x));
  device.destroy();
  expect(codeOf(() => capture.replay())).toBe('device-lost');
  capture.release();
});
