import { type Device, type GpuBuffer, KernelError } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { add, double, manyParams, put, swap } from './kernels.ts';

const floats = async (device: Device, buffer: GpuBuffer) => new Float32Array(await device.read(buffer));
const ramp = (count: number) => Float32Array.from({ length: count }, (_, i) => i);

/** A portable device beside each adapter: it has no immediates, so that every param takes the way by the ring. */
const cases = (await adapterCases()).flatMap(({ label, options }) =>
  label === 'compatibility'
    ? []
    : (['core', 'compatibility'] as const).map((featureLevel) => ({
        label: `${label}, ${featureLevel}`,
        options: { ...options, featureLevel },
      })),
);

describe.each(cases)('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  test('uploads, dispatches, copies and clears happen in the order of the calls', async () => {
    const device = await devices.open({ poison: false });
    const x = device.upload(ramp(64));
    const early = device.allocate(256);
    const late = device.allocate(256);
    device.dispatch(add, { buffers: { x, out: early }, params: { count: 64, value: 1 } });
    device.write(x, 0, new Float32Array(64).fill(100));
    device.dispatch(add, { buffers: { x, out: late }, params: { count: 64, value: 1 } });
    device.write(x, 8, Float32Array.of(7));
    device.copy(x, 8, late, 0, 4);
    device.clear(x);
    device.copy(x, 0, late, 4, 4);
    device.write(x, 0, Float32Array.of(5));
    expect((await floats(device, early)).subarray(0, 3)).toEqual(Float32Array.of(1, 2, 3));
    expect((await floats(device, late)).subarray(0, 4)).toEqual(Float32Array.of(7, 0, 101, 101));
    expect((await floats(device, x)).subarray(0, 3)).toEqual(Float32Array.of(5, 0, 0));
    for (const buffer of [x, early, late]) buffer.release();
  });

  test('a buffer that was released serves what is recorded next, after what reads it', async () => {
    const device = await devices.open({ poison: false });
    const x = device.upload(ramp(64));
    const out = device.allocate(256);
    device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 0.5 } });
    x.release();
    const again = device.upload(new Float32Array(64).fill(-1));
    expect(again.gpu).toBe(x.gpu);
    expect((await floats(device, out))[3]).toBe(3.5);
    out.release();
    again.release();
  });

  test('each of 300 dispatches has its own params', async () => {
    const device = await devices.open();
    const out = device.allocate(4 * 300);
    for (let at = 0; at < 300; at++) {
      device.dispatch(put, { buffers: { out }, params: { at, value: at * 3 } });
    }
    expect(await floats(device, out)).toEqual(ramp(300).map((i) => i * 3));
    out.release();
  });

  test('params beyond the immediates arrive, in the order and with the types of the declaration', async () => {
    const device = await devices.open();
    const out = device.allocate(80);
    const params = Object.fromEntries(
      manyParams.paramNames.map((name, i) => [name, [i, -i, i / 8][i % 3] ?? 0]),
    );
    device.dispatch(manyParams, { buffers: { out }, params: { ...params, p0: 2 ** 31 } });
    const expected = Float32Array.from({ length: 20 }, (_, i) => [i, -i, i / 8][i % 3] ?? 0);
    expected[0] = 2 ** 31;
    expect(await floats(device, out)).toEqual(expected);
    // And beside a kernel whose params are immediates, and one without any.
    device.dispatch(put, { buffers: { out }, params: { at: 1, value: 21 } });
    device.dispatch(double, { buffers: { out }, params: {} });
    device.dispatch(manyParams, { buffers: { out }, params: { ...params, p0: 9 } });
    device.dispatch(double, { buffers: { out }, params: {} });
    expect((await floats(device, out)).subarray(0, 3)).toEqual(Float32Array.of(18, -2, 0.5));
    out.release();
  });

  test('a kernel sees the length of the tensor, not that of the pooled buffer', async () => {
    const device = await devices.open({ poison: false });
    const out = device.upload(new Float32Array(64).fill(1));
    out.release();
    const shorter = device.allocate(4 * 10);
    expect(shorter.gpu).toBe(out.gpu);
    device.dispatch(double, { buffers: { out: shorter }, params: {} });
    shorter.release();
    const whole = device.allocate(256);
    expect(await floats(device, whole)).toEqual(ramp(64).map((i) => (i < 10 ? 2 : 1)));
    whole.release();
  });

  test('reads of any number of bytes, at once and from anywhere in the buffer', async () => {
    const device = await devices.open();
    const bytes = Uint8Array.from({ length: 1021 }, (_, i) => i * 7);
    const buffer = device.upload(bytes);
    const ranges: [number, number][] = [
      [0, 1021],
      [0, 0],
      [4, 1],
      [1020, 1],
      [8, 1013],
      [512, 3],
      [0, 1021],
    ];
    const read = await Promise.all(ranges.map(([offset, length]) => device.read(buffer, offset, length)));
    for (const [i, [offset, length]] of ranges.entries()) {
      expect(new Uint8Array(read[i] ?? new ArrayBuffer(1))).toEqual(bytes.slice(offset, offset + length));
    }
    buffer.release();
  });

  test('an odd upload leaves the neighbours alone: it is refused where it does not end the buffer', async () => {
    const device = await devices.open();
    const buffer = device.upload(new Uint8Array(10).fill(1));
    device.write(buffer, 4, new Uint8Array(6).fill(2));
    expect(() => device.write(buffer, 4, new Uint8Array(3))).toThrow(KernelError);
    expect([...new Uint8Array(await device.read(buffer))]).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
    buffer.release();
  });

  test('views of shared memory are uploaded', async () => {
    const device = await devices.open({ poison: false });
    const shared = new Float32Array(new SharedArrayBuffer(32), 8, 4);
    shared.set([1, 2, 3, 4]);
    const buffer = device.upload(shared);
    device.clear(buffer);
    device.write(buffer, 4, shared.subarray(1, 3));
    expect([...(await floats(device, buffer))]).toEqual([0, 2, 3, 0]);
    buffer.release();
  });
});

describe('ranges that do not lie in the buffer', async () => {
  const [adapter] = await adapterCases();
  const devices = new DeviceSet(adapter ?? { label: '', options: {} });
  afterAll(() => devices.close());
  const words = new Float32Array(4);
  type Attempt = (device: Device, buffer: GpuBuffer, other: GpuBuffer) => unknown;

  test.each<[string, string, Attempt]>([
    ['a write past the end', 'kernel-range', (d, b) => d.write(b, 56, words)],
    ['a write between words', 'kernel-range', (d, b) => d.write(b, 2, words)],
    ['a write before the start', 'kernel-range', (d, b) => d.write(b, -4, words)],
    ['a read past the end', 'kernel-range', (d, b) => d.read(b, 60, 8)],
    ['a read from past the end', 'kernel-range', (d, b) => d.read(b, 68)],
    ['a read between words', 'kernel-range', (d, b) => d.read(b, 2, 4)],
    ['a read of less than nothing', 'kernel-range', (d, b) => d.read(b, 0, -4)],
    ['a copy past the end of the source', 'kernel-range', (d, b, o) => d.copy(b, 0, o, 0, 68)],
    ['a copy past the end of the target', 'kernel-range', (d, b, o) => d.copy(o, 0, b, 64, 4)],
    ['a copy inside one buffer', 'kernel-range', (d, b) => d.copy(b, 0, b, 32, 16)],
    [
      'a binding between the alignments',
      'kernel-binding',
      (d, b, o) =>
        d.dispatch(add, {
          buffers: { x: { buffer: o, offset: 128, size: 64 }, out: b },
          params: { count: 1, value: 0 },
        }),
    ],
    [
      'a binding past the end',
      'kernel-binding',
      (d, b, o) =>
        d.dispatch(add, {
          buffers: { x: { buffer: o, offset: 0, size: 516 }, out: b },
          params: { count: 1, value: 0 },
        }),
    ],
    [
      'a kernel that would write what it reads',
      'kernel-aliased',
      (d, b) => d.dispatch(add, { buffers: { x: b, out: b }, params: { count: 1, value: 0 } }),
    ],
    [
      'a grid that is too large',
      'kernel-grid',
      (d, b, o) =>
        d.dispatch(
          { ...add, grid: () => [65_536, 1, 1] },
          { buffers: { x: o, out: b }, params: { count: 1, value: 0 } },
        ),
    ],
  ])('%s', async (_name, code, attempt) => {
    const device = await devices.open();
    const buffer = device.upload(new Float32Array(16).fill(3));
    const other = device.upload(new Float32Array(128));
    await expect((async () => attempt(device, buffer, other))()).rejects.toMatchObject({ code });
    // Nothing of it reached the device.
    expect(await floats(device, buffer)).toEqual(new Float32Array(16).fill(3));
    buffer.release();
    other.release();
  });

  test('a kernel may write two parts of one buffer, but not read one and write the other', async () => {
    const device = await devices.open();
    const buffer = device.upload(ramp(192));
    const part = (index: number) => ({ buffer, offset: 256 * index, size: 256 });
    device.dispatch(swap, { buffers: { a: part(0), b: part(2) }, params: {} });
    const params = { count: 64, value: 0 };
    expect(() => device.dispatch(swap, { buffers: { a: part(1), b: part(1) }, params: {} })).toThrow(
      'shares',
    );
    expect(() => device.dispatch(add, { buffers: { x: part(0), out: part(1) }, params })).toThrow('shares');
    expect((await floats(device, buffer)).filter((_, i) => i % 64 === 5)).toEqual(
      Float32Array.of(133, 69, 5),
    );
    buffer.release();
  });
});

describe('bounds on what is kept', async () => {
  const [adapter] = await adapterCases();
  const devices = new DeviceSet(adapter ?? { label: '', options: {} });
  afterAll(() => devices.close());

  test('1,000 cycles of varying sizes leave the use where it was', async () => {
    const device = await devices.open({ maxPooledBytes: 2 ** 20 });
    const start = device.memory().inUse;
    for (let cycle = 0; cycle < 1000; cycle++) {
      const count = 1 + ((cycle * 7919) % 30_000);
      const x = device.allocate(4 * count);
      const out = device.allocate(4 * count);
      device.dispatch(add, { buffers: { x, out }, params: { count: 1, value: 1 } });
      x.release();
      out.release();
    }
    await device.synchronize();
    expect(device.memory().inUse).toBe(start);
    expect(device.memory().pooled).toBeLessThanOrEqual(2 ** 20);
  });

  test('fresh and released buffers hold NaN bits in the test mode', async () => {
    const device = await devices.open({ poison: true });
    const bits = async (buffer: GpuBuffer) => [...new Uint32Array(await device.read(buffer, 0, 16))];
    const nan = 0xffffffff;
    const first = device.allocate(1000);
    expect(await bits(first)).toEqual([nan, nan, nan, nan]);
    device.write(first, 0, Uint32Array.of(1, 2, 3, 4));
    const foreign = device.gpu.createBuffer({
      size: 1024,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.copy(first, 0, device.wrap(foreign), 0, 16);
    const seen = device.wrap(first.gpu);
    first.release();
    // Through a handle on the released memory: a kernel that still reads it gets NaN, not the old values.
    expect(await bits(seen)).toEqual([nan, nan, nan, nan]);
    const caller = device.wrap(foreign);
    expect(await bits(caller)).toEqual([1, 2, 3, 4]);
    caller.release();
    expect(await bits(device.wrap(foreign))).toEqual([1, 2, 3, 4]);
    foreign.destroy();
  });
});
