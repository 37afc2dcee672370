import { type Device, type GpuBuffer, GpuValidationError, openDevice } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { Failures } from '../../../packages/kernels/src/runtime/failures.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { add, double } from './kernels.ts';

const later = <T>(ms: number, value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), ms));
const outcome = (work: Promise<unknown>) =>
  work.then(
    (value) => value,
    (error) => error,
  );

describe('who is told', () => {
  test('everybody who waits while it is found, and nobody after them', async () => {
    const failures = new Failures();
    const error = new Error('found');
    failures.watch(later(5, error));
    const both = [failures.settle(Promise.resolve(1)), failures.settle(later(10, 2))];
    expect(await Promise.all(both.map(outcome))).toEqual([error, error]);
    expect(await failures.settle(Promise.resolve(3))).toBe(3);
  });

  test('the next who waits, where nobody did', async () => {
    const failures = new Failures();
    const error = new Error('found');
    failures.watch(Promise.resolve(error));
    await later(5, undefined);
    expect(await outcome(failures.settle(Promise.resolve(1)))).toBe(error);
    expect(await failures.settle(Promise.resolve(2))).toBe(2);
  });

  test('the cause, not its consequences, in whatever order they arrive', async () => {
    const failures = new Failures();
    const cause = new Error('does not compile');
    const { serial } = failures;
    failures.open();
    failures.watch(later(10, cause));
    failures.watchSubmission(Promise.resolve(new Error('invalid pipeline')));
    expect(await outcome(failures.settle(Promise.resolve(1)))).toBe(cause);
    expect(await failures.settle(Promise.resolve(2))).toBe(2);
    expect(failures.damage(serial)).toBe(cause);
  });

  test('only of the submissions that can have failed from it', async () => {
    const failures = new Failures();
    const cause = new Error('does not compile');
    failures.open();
    failures.watch(Promise.resolve(cause));
    expect(await outcome(failures.settle(Promise.resolve(1)))).toBe(cause);
    // The submission that was open then may have used it, the next one has not.
    failures.watchSubmission(Promise.resolve(new Error('invalid pipeline')));
    expect(await outcome(failures.settle(Promise.resolve(2)))).toBe(cause);
    const other = new Error('something else');
    failures.open();
    failures.watchSubmission(Promise.resolve(other));
    expect(await outcome(failures.settle(Promise.resolve(3)))).toBe(other);
  });

  test('an error of the work itself comes after what explains it', async () => {
    const failures = new Failures();
    const own = new Error('map failed');
    expect(await outcome(failures.settle(Promise.reject(own)))).toBe(own);
    const cause = new Error('found');
    failures.watch(later(5, cause));
    expect(await outcome(failures.settle(Promise.reject(own)))).toBe(cause);
  });

  test('a scope that rejects because the device is lost says nothing', async () => {
    const failures = new Failures();
    failures.watch(Promise.reject(new Error('device lost')));
    expect(await failures.settle(Promise.resolve(1))).toBe(1);
  });
});

describe('what cannot be trusted', () => {
  test('is what was written from the failed submission on, until that was known', async () => {
    const failures = new Failures();
    const before = failures.serial;
    failures.open();
    failures.watchSubmission(Promise.resolve(undefined));
    const failed = failures.serial;
    const error = new Error('failed');
    failures.open();
    failures.watchSubmission(later(5, error));
    const following = failures.serial;
    expect(failures.damage(failed)).toBeUndefined();
    await outcome(failures.settle(Promise.resolve()));
    expect(failures.damage(before)).toBeUndefined();
    expect(failures.damage(failed)).toBe(error);
    expect(failures.damage(following)).toBe(error);
    expect(failures.damage(failures.serial)).toBeUndefined();
    // What is recorded before and after the news may be one submission, and fail as one.
    failures.open();
    const open = failures.serial;
    failures.watch(Promise.resolve(new Error('told in between')));
    await outcome(failures.settle(Promise.resolve()));
    expect(failures.serial).toBe(open + 1);
    failures.watchSubmission(Promise.resolve(new Error('again')));
    await outcome(failures.settle(Promise.resolve()));
    expect(failures.damage(following)).toBe(error);
    expect(failures.damage(open)).toHaveProperty('message', 'told in between');
    expect(failures.damage(open + 1)).toBe(failures.damage(open));
  });
});

describe('the loss of the device', () => {
  test('rejects those who wait, even for what never comes, and those who come later', async () => {
    const failures = new Failures();
    const never = new Promise<void>(() => undefined);
    const waiting = [failures.settle(never), failures.settle(never)];
    const lost = new Error('lost');
    failures.fatal(lost);
    failures.fatal(new Error('lost again'));
    expect(await Promise.all(waiting.map(outcome))).toEqual([lost, lost]);
    expect(await outcome(failures.settle(Promise.reject(new Error('unseen'))))).toBe(lost);
    expect(() => failures.throwIfFatal()).toThrow(lost);
  });

  test('is the error also where the work failed from it before it was told', async () => {
    const failures = new Failures();
    const lost = new Error('lost');
    setTimeout(() => failures.fatal(lost), 0);
    const waiting = failures.settle(Promise.reject(new DOMException('', 'AbortError')));
    expect(await outcome(waiting)).toBe(lost);
  });
});

const usage = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
const floats = async (device: Device, buffer: GpuBuffer) => new Float32Array(await device.read(buffer));

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  /** Records a dispatch that makes its submission fail: it uses a buffer that its owner has destroyed. */
  function recordFailure(device: Device): void {
    const gpu = device.gpu.createBuffer({ size: 256, usage: usage() });
    const x = device.wrap(gpu);
    device.dispatch(double, { buffers: { out: x }, params: {} });
    gpu.destroy();
    x.release();
  }

  test('a validation error is thrown by the next await, with the kernels of its submission', async () => {
    const device = await devices.open();
    const out = device.upload(Float32Array.of(1));
    recordFailure(device);
    device.flush();
    await later(20, undefined);
    const error = await outcome(device.read(out));
    expect(error).toBeInstanceOf(GpuValidationError);
    expect(error).toMatchObject({ code: 'gpu-validation', message: expect.stringContaining('test/double') });
    expect((await floats(device, out))[0]).toBe(1);
    out.release();
  });

  test('a caller whose work went down with another’s is not given stale numbers', async () => {
    const device = await devices.open();
    const x = device.upload(new Float32Array(64).fill(1));
    const [result, derived, other] = [device.allocate(256), device.allocate(256), device.allocate(256)];
    const [copied, cleared] = [device.allocate(256), device.allocate(256)];
    const params = { count: 64, value: 1 };
    device.dispatch(add, { buffers: { x, out: result }, params });
    device.copy(x, 0, copied, 0, 128);
    device.clear(cleared);
    recordFailure(device);
    expect(await outcome(device.synchronize())).toBeInstanceOf(GpuValidationError);

    for (const lost of [result, copied, cleared]) {
      expect(await outcome(device.read(lost))).toBeInstanceOf(GpuValidationError);
    }
    expect(() => device.dispatch(add, { buffers: { x: result, out: derived }, params })).toThrow(
      'test/double',
    );
    expect(() => device.copy(result, 0, derived, 0, 256)).toThrow(GpuValidationError);
    expect(() => device.write(result, 4, Float32Array.of(1))).toThrow(GpuValidationError);

    // What was there before is whole, and so is what is written anew.
    expect((await floats(device, x))[0]).toBe(1);
    device.dispatch(add, { buffers: { x, out: other }, params });
    expect((await floats(device, other))[0]).toBe(2);
    device.clear(result);
    expect((await floats(device, result))[0]).toBe(0);
    device.write(copied, 0, new Float32Array(64).fill(3));
    expect((await floats(device, copied))[0]).toBe(3);
    device.copy(x, 0, cleared, 0, 256);
    expect((await floats(device, cleared))[0]).toBe(1);
    for (const buffer of [x, result, derived, other, copied, cleared]) buffer.release();
    expect(device.memory().inUse).toBe(0);
  });

  test('a part that is written anew does not vouch for the rest of its buffer', async () => {
    const device = await devices.open();
    const [whole, zeros] = [device.allocate(512), device.upload(new Float32Array(64))];
    const [first, second] = [whole.view(0, 256), whole.view(256, 256)];
    device.clear(whole);
    recordFailure(device);
    expect(await outcome(device.synchronize())).toBeInstanceOf(GpuValidationError);
    expect(() => device.clear(first)).toThrow(GpuValidationError);
    expect(() => device.copy(zeros, 0, first, 0, 256)).toThrow(GpuValidationError);
    device.write(first, 0, new Float32Array(64));
    expect(await outcome(device.read(second))).toBeInstanceOf(GpuValidationError);
    device.clear(whole);
    expect((await floats(device, second))[0]).toBe(0);
    for (const buffer of [whole, first, second, zeros]) buffer.release();
  });

  test('what was computed from lost numbers before anybody knew is lost too', async () => {
    const device = await devices.open();
    const x = device.upload(new Float32Array(64).fill(1));
    const [first, second] = [device.allocate(256), device.allocate(256)];
    device.dispatch(add, { buffers: { x, out: first }, params: { count: 64, value: 1 } });
    recordFailure(device);
    device.flush();
    device.dispatch(add, { buffers: { x: first, out: second }, params: { count: 64, value: 1 } });
    const [a, b] = await Promise.all([outcome(device.read(x)), outcome(device.synchronize())]);
    expect([a, b]).toEqual([expect.any(GpuValidationError), expect.any(GpuValidationError)]);
    expect(await outcome(device.read(second))).toBeInstanceOf(GpuValidationError);
    for (const buffer of [x, first, second]) buffer.release();
  });

  test('a replay of numbers that were lost is refused, until they are written anew', async () => {
    const device = await devices.open();
    const [x, out] = [device.upload(new Float32Array(64).fill(1)), device.allocate(256)];
    const { capture } = device.capture(() =>
      device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } }),
    );
    await device.synchronize();
    device.clear(x);
    recordFailure(device);
    expect(await outcome(device.synchronize())).toBeInstanceOf(GpuValidationError);
    expect(() => capture.replay()).toThrow(GpuValidationError);
    device.write(x, 0, new Float32Array(64).fill(2));
    capture.replay();
    expect((await floats(device, out))[0]).toBe(3);
    capture.release();
    for (const buffer of [x, out]) buffer.release();
  });

  describe('without memory', () => {
    /** The device, but for buffers of this size: those are invalid, as if there were no room. */
    function exhausted(real: GPUDevice, size: () => number): GPUDevice {
      return new Proxy(real, {
        get(_, key) {
          if (key === 'createBuffer') {
            return (descriptor: GPUBufferDescriptor) =>
              real.createBuffer(descriptor.size === size() ? { ...descriptor, size: 2 ** 50 } : descriptor);
          }
          const value = Reflect.get(real, key, real);
          return typeof value === 'function' ? value.bind(real) : value;
        },
      });
    }

    test('the next await says so, and afterwards the device works and the pool is whole', async () => {
      const owner = await devices.open({ poison: false });
      let full = 4096;
      const device = await openDevice({ device: exhausted(owner.gpu, () => full) });
      const x = device.upload(new Float32Array(64).fill(1));
      const out = device.allocate(4096, 'the large one');
      device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } });
      const error = await outcome(device.read(out));
      expect(error).toMatchObject({ code: 'out-of-memory', message: expect.stringContaining('4096') });
      // The buffer has no memory: whoever still holds it is told the same, and the pool does not lend it again.
      expect(await outcome(device.read(out))).toBe(error);
      expect(() => device.dispatch(double, { buffers: { out }, params: {} })).toThrow(error as Error);
      out.release();
      expect(device.memory()).toMatchObject({ inUse: 256, pooled: 0 });
      // Nothing was ever recorded with this one.
      const unused = device.allocate(4096);
      expect(await outcome(device.synchronize())).toMatchObject({ code: 'out-of-memory' });
      expect(() => device.dispatch(double, { buffers: { out: unused }, params: {} })).toThrow('4096');
      unused.release();
      full = -1;
      const again = device.allocate(4096);
      device.dispatch(add, { buffers: { x, out: again }, params: { count: 64, value: 1 } });
      expect((await floats(device, again))[5]).toBe(2);
      device.destroy();
    });

    test('a read-back without room for its copy', async () => {
      const owner = await devices.open({ poison: false });
      const device = await openDevice({ device: exhausted(owner.gpu, () => 512) });
      const x = device.allocate(2048);
      device.clear(x);
      await device.synchronize();
      expect(await outcome(device.read(x, 0, 512))).toMatchObject({ code: 'out-of-memory' });
      expect(new Float32Array(await device.read(x, 0, 8))).toEqual(new Float32Array(2));
      device.destroy();
    });

    test('the budget and the device’s limits are checked before', async () => {
      const device = await devices.open({ budgetBytes: 4096, limits: { maxBufferSize: 8192 } });
      const held = device.allocate(2048);
      expect(() => device.allocate(2049)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
      expect(() => device.upload(new Float32Array(2049))).toThrow(
        expect.objectContaining({ code: 'buffer-too-large' }),
      );
      held.release();
      expect(device.memory()).toMatchObject({ inUse: 0, peak: 2048 });
    });
  });
});
