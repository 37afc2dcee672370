import { type Device, DeviceLostError, openDevice } from '@lua-webgpu/kernels';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterCases } from '../../support/adapters.ts';
import { add, double } from './kernels.ts';

const params = { count: 64, value: 1 };
const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeAll(() => {
  process.on('unhandledRejection', note);
});
afterAll(() => {
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

/** What a promise came to, or that it hangs. */
const outcome = (work: Promise<unknown>) =>
  Promise.race([
    work.then(
      () => 'no error',
      (error) => error,
    ),
    new Promise((resolve) => setTimeout(() => resolve('hangs'), 5000)),
  ]);

const ways: [string, (device: Device) => void][] = [
  ['lost', (device) => device.gpu.destroy()],
  ['destroyed by the program', (device) => device.destroy()],
];

describe.each(await adapterCases())('$label', ({ options }) => {
  describe.each(ways)('%s', (_way, lose) => {
    async function setUp() {
      const device = await openDevice({ ...options, poison: true });
      const x = device.upload(new Float32Array(64).fill(1));
      const out = device.allocate(256);
      return { device, x, out };
    }

    /** Everything that a device does, after its loss. */
    async function expectLost({ device, x, out }: Awaited<ReturnType<typeof setUp>>) {
      expect(await outcome(device.lost.then(() => Promise.reject(new Error('told'))))).toMatchObject({
        message: 'told',
      });
      const lost = await device.lost;
      expect(lost).toBeInstanceOf(DeviceLostError);
      expect(lost).toMatchObject({ code: 'device-lost', fix: expect.stringContaining('Open a new device') });
      const calls: (() => unknown)[] = [
        () => device.allocate(4),
        () => device.upload(new Float32Array(4)),
        () => device.write(x, 0, new Float32Array(4)),
        () => device.copy(x, 0, out, 0, 4),
        () => device.clear(out),
        () => device.dispatch(add, { buffers: { x, out }, params }),
        () => device.wrap(x.gpu),
        () => device.flush(),
        () => device.tables.get('key', () => new Float32Array(4)),
        () => device.read(out),
        () => device.read(out, 0, 0),
        () => device.synchronize(),
        () => device.compile(double),
      ];
      for (const call of calls) {
        expect(await outcome((async () => call())()), String(call)).toBeInstanceOf(DeviceLostError);
      }
      // What cleans up does not complain.
      x.release();
      out.release();
      out.release();
      expect(device.memory().inUse).toBe(0);
      device.destroy();
      device.destroy();
    }

    test('before anything is recorded', async () => {
      const all = await setUp();
      lose(all.device);
      expect(await outcome(all.device.read(all.x))).toBeInstanceOf(DeviceLostError);
      await expectLost(all);
    });

    test('after a dispatch', async () => {
      const all = await setUp();
      const { device, x, out } = all;
      device.dispatch(add, { buffers: { x, out }, params });
      lose(device);
      expect(await outcome(device.synchronize())).toBeInstanceOf(DeviceLostError);
      await expectLost(all);
    });

    test('between dispatches of one submission', async () => {
      const all = await setUp();
      const { device, x, out } = all;
      device.dispatch(add, { buffers: { x, out }, params });
      lose(device);
      const next = (async () => device.dispatch(double, { buffers: { out }, params: {} }))();
      const results = await Promise.all([outcome(next), outcome(device.read(out))]);
      expect(results).toContainEqual(expect.any(DeviceLostError));
      expect(results[1]).toBeInstanceOf(DeviceLostError);
      await expectLost(all);
    });

    test('during pending reads and a synchronize', async () => {
      const all = await setUp();
      const { device, x, out } = all;
      device.dispatch(add, { buffers: { x, out }, params });
      const pending = [
        device.read(out),
        device.read(x, 0, 4),
        device.synchronize(),
        device.read(out),
        device.compile(double),
      ].map(outcome);
      lose(device);
      for (const result of await Promise.all(pending)) expect(result).toBeInstanceOf(DeviceLostError);
      await expectLost(all);
    });

    test('while a read is on its way, some turns of the event loop later', async () => {
      const all = await setUp();
      const { device, x, out } = all;
      device.dispatch(add, { buffers: { x, out }, params });
      await device.synchronize();
      const first = outcome(device.read(out));
      await Promise.resolve();
      const pending = [first, outcome(device.read(x))];
      setImmediate(() => lose(device));
      await device.lost;
      // The reads may have been done by then; they do not hang and they do not fail otherwise.
      for (const result of await Promise.all(pending)) {
        if (result !== 'no error') expect(result).toBeInstanceOf(DeviceLostError);
      }
      await expectLost(all);
    });

    test('another device goes on', async () => {
      const [all, other] = [await setUp(), await setUp()];
      other.device.dispatch(add, { buffers: { x: other.x, out: other.out }, params });
      const pending = other.device.read(other.out);
      lose(all.device);
      expect(new Float32Array(await pending)[0]).toBe(2);
      await expectLost(all);
      other.device.dispatch(double, { buffers: { out: other.out }, params: {} });
      expect(new Float32Array(await other.device.read(other.out))[0]).toBe(4);
      other.device.destroy();
    });
  });

  test('no device leaves an error behind that nobody asked for', async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(unhandled).toEqual([]);
  });
});
