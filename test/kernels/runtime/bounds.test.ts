import type { GpuBuffer } from '@lua-webgpu/kernels';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BindGroupCache } from '../../../packages/kernels/src/runtime/bind-groups.ts';
import type { CompiledKernel } from '../../../packages/kernels/src/runtime/pipelines.ts';
import { type Command, maxDispatches, Recorder } from '../../../packages/kernels/src/runtime/recorder.ts';
import { Transfer } from '../../../packages/kernels/src/runtime/transfer.ts';
import type { UniformRing } from '../../../packages/kernels/src/runtime/uniform-ring.ts';
import { type FakeBuffer, FakeGpu } from './fake-gpu.ts';

beforeEach(() => {
  vi.stubGlobal('GPUBufferUsage', { MAP_READ: 1, COPY_DST: 8 });
  vi.stubGlobal('GPUMapMode', { READ: 1 });
});
afterEach(() => vi.unstubAllGlobals());

describe('bind groups', () => {
  function open() {
    const created: GPUBindGroupDescriptor[] = [];
    let error: GPUError | null = null;
    const gpu = {
      pushErrorScope: () => undefined,
      popErrorScope: async () => error,
      createBindGroup: (descriptor: GPUBindGroupDescriptor) => {
        created.push(descriptor);
        return {};
      },
    } as unknown as GPUDevice;
    const failures: Promise<Error | undefined>[] = [];
    const cache = new BindGroupCache(gpu, (outcome) => failures.push(outcome));
    const fail = (found: GPUError | null) => {
      error = found;
    };
    return { cache, created, failures, fail };
  }
  const kernel = (id: number) => ({ id, layout: {} }) as CompiledKernel;
  const buffer = (id: number, byteLength: number, owned = true) =>
    ({ id, byteLength, owned, base: 0, gpu: {} }) as GpuBuffer;

  test('are found again by pipeline, buffers, ranges and lengths', () => {
    const { cache, created } = open();
    const [x, y] = [buffer(1, 64), buffer(2, 64)];
    const first = cache.get('k', kernel(1), [x, y]);
    expect(cache.get('k', kernel(1), [x, y])).toBe(first);
    expect(cache.get('k', kernel(1), [x, { buffer: y, offset: 0, size: 64 }])).toBe(first);
    const others = [
      cache.get('k', kernel(2), [x, y]),
      cache.get('k', kernel(1), [y, x]),
      cache.get('k', kernel(1), [x, buffer(2, 60)]),
      cache.get('k', kernel(1), [x, { ...y, base: 256 } as GpuBuffer]),
      cache.get('k', kernel(1), [x, { buffer: y, offset: 0, size: 32 }]),
      cache.get('k', kernel(1), [x, { buffer: y, offset: 256, size: 32 }]),
    ];
    expect(new Set([first, ...others]).size).toBe(7);
    expect(created).toHaveLength(7);
  });

  test('are bounded in number, and those in use stay', () => {
    const { cache, created } = open();
    const used = buffer(1, 4);
    for (let i = 0; i < 20_000; i++) {
      cache.get('k', kernel(1), [buffer(2, 4 + 4 * i)]);
      if (i % 1000 === 0) cache.get('k', kernel(1), [used]);
      expect(cache.size).toBeLessThanOrEqual(4096);
    }
    expect(created).toHaveLength(20_001);
  });

  test('of a caller’s buffers are not kept, which would keep the buffers alive', () => {
    const { cache } = open();
    cache.get('k', kernel(1), [buffer(1, 4), buffer(2, 4, false)]);
    expect(cache.size).toBe(0);
  });

  test('that failed are not used again', async () => {
    const { cache, created, failures, fail } = open();
    fail({ message: 'no such thing' } as GPUError);
    cache.get('test/kernel', kernel(1), [buffer(1, 4)]);
    expect((await Promise.all(failures))[0]?.message).toMatch(/test\/kernel.*no such thing/);
    fail(null);
    cache.get('test/kernel', kernel(1), [buffer(1, 4)]);
    expect(created).toHaveLength(2);
  });
});

describe('read-back buffers', () => {
  function open() {
    const gpu = new FakeGpu();
    const mappable = Object.assign(gpu, {
      limits: { maxBufferSize: 2 ** 32 },
      createBuffer: (descriptor: GPUBufferDescriptor) =>
        Object.assign(FakeGpu.prototype.createBuffer.call(gpu, descriptor), {
          mapAsync: async () => undefined,
          getMappedRange: () => new ArrayBuffer(4),
          unmap: () => undefined,
        }),
    });
    const recorder = { copy: () => undefined, flush: () => undefined } as unknown as Recorder;
    const transfer = new Transfer(mappable as unknown as GPUDevice, recorder, () => undefined);
    const read = (bytes: number) => transfer.read({} as GPUBuffer, 0, bytes);
    return { gpu, transfer, read };
  }
  const MiB = 2 ** 20;

  test('are kept and used again', async () => {
    const { gpu, read } = open();
    await read(1000);
    await read(900);
    expect(gpu.buffers).toHaveLength(1);
    await Promise.all([read(900), read(900)]);
    expect(gpu.buffers).toHaveLength(2);
  });

  test('of 128 MiB at most, the latest', async () => {
    const { gpu, read } = open();
    for (const size of [64, 48, 40, 100, 20, 200]) await read(size * MiB);
    expect(gpu.buffers.filter(({ destroyed }) => !destroyed).map(({ size }) => size / MiB)).toEqual([
      104, 20,
    ]);
    await read(104 * MiB);
    expect(gpu.buffers).toHaveLength(6);
  });

  test('go when the device is destroyed, those of pending reads when these are done', async () => {
    const { gpu, transfer, read } = open();
    await read(1000);
    const pending = read(2000);
    transfer.destroy();
    await pending;
    expect(gpu.held).toBe(0);
  });

  test('go when the read fails', async () => {
    const { gpu, read } = open();
    const failing = read(1000);
    (gpu.buffers[0] as FakeBuffer & { getMappedRange: unknown }).getMappedRange = () => {
      throw new Error('lost');
    };
    await expect(failing).rejects.toThrow('lost');
    expect(gpu.held).toBe(0);
  });
});

describe('a submission', () => {
  function open() {
    const log: string[] = [];
    const pass = () => ({
      setPipeline: () => undefined,
      setBindGroup: () => undefined,
      dispatchWorkgroups: () => undefined,
      end: () => undefined,
    });
    const gpu = {
      createCommandEncoder: () => ({
        beginComputePass: pass,
        copyBufferToBuffer: () => undefined,
        clearBuffer: () => undefined,
        finish: () => ({}),
      }),
      queue: { submit: () => log.push('submit') },
    } as unknown as GPUDevice;
    const ring = { upload: () => log.push('params') } as unknown as UniformRing;
    const recorder = new Recorder(
      gpu,
      ring,
      () => log.push('open'),
      (commands, submit) => {
        log.push([...new Set(commands.map(({ kernel }) => kernel))].join());
        submit();
      },
    );
    const command = (flops: number, kernel = 'k'): Command => ({
      kernel,
      pipeline: {} as GPUComputePipeline,
      bindGroup: {} as GPUBindGroup,
      immediates: undefined,
      uniforms: undefined,
      x: 1,
      y: 1,
      z: 1,
      flops,
    });
    return { recorder, log, command };
  }
  const buffer = {} as GPUBuffer;

  test('is sent when there are many dispatches', () => {
    const { recorder, log, command } = open();
    for (let i = 1; i < maxDispatches; i++) recorder.dispatch(command(1));
    expect(log).toEqual(['open']);
    recorder.dispatch(command(1, 'last'));
    expect(log).toEqual(['open', 'k,last', 'params', 'submit']);
    recorder.flush();
    expect(log).toHaveLength(4);
    recorder.dispatch(command(1));
    expect(log.slice(4)).toEqual(['open']);
  });

  test('is sent when there is much work', () => {
    const { recorder, log, command } = open();
    recorder.dispatch(command(4e9));
    expect(log).toEqual(['open']);
    recorder.dispatch(command(2e9));
    expect(log).toContain('submit');
    recorder.dispatch(command(4e9));
    expect(log.filter((entry) => entry === 'submit')).toHaveLength(1);
  });

  test('is sent when nothing but copies and clears is recorded', () => {
    const { recorder, log } = open();
    for (let i = 0; i < 5000; i++) {
      recorder.copy(buffer, 0, buffer, 0, 4);
      recorder.clear(buffer, 0, 4);
    }
    expect(log.filter((entry) => entry === 'submit').length).toBeGreaterThan(4);
  });
});
