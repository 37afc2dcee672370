import { AllocationError } from '@lua-webgpu/kernels';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BufferPool, sizeClass } from '../../../packages/kernels/src/runtime/pool.ts';
import { FakeGpu } from './fake-gpu.ts';

beforeEach(() => {
  vi.stubGlobal('GPUBufferUsage', { STORAGE: 1, COPY_SRC: 2, COPY_DST: 4 });
});
afterEach(() => vi.unstubAllGlobals());

const MiB = 2 ** 20;

function open(options: { maxBufferSize?: number; maxPooledBytes?: number; budgetBytes?: number } = {}) {
  const gpu = new FakeGpu();
  const failures: Promise<Error | undefined>[] = [];
  const pool = new BufferPool(gpu as unknown as GPUDevice, (outcome) => failures.push(outcome), {
    limits: { maxBufferSize: options.maxBufferSize ?? 1024 * MiB } as never,
    maxPooledBytes: options.maxPooledBytes ?? Number.POSITIVE_INFINITY,
    budgetBytes: options.budgetBytes ?? Number.POSITIVE_INFINITY,
  });
  return { gpu, pool, failures };
}

const code = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(AllocationError);
    expect((error as AllocationError).fix).not.toBe('');
    return (error as AllocationError).code;
  }
  return 'nothing was thrown';
};

test('work that is repeated gets the same buffers, whatever the order in which they came back', () => {
  const { pool } = open();
  const sizes = [1000, 3000, 1000, 1000, 3000, 1000, 1000];
  const work = (returned: (ids: number[]) => number[]) => {
    const ids = sizes.map((bytes) => pool.take(bytes, 'test').id);
    for (const id of returned([...ids])) pool.give(id);
    return ids;
  };
  const first = work((ids) => ids);
  const shuffled = (ids: number[]) => [3, 0, 6, 2, 5, 1, 4].map((i) => ids[i] as number);
  for (const order of [(ids: number[]) => ids.reverse(), shuffled, (ids: number[]) => ids]) {
    expect(work(order)).toEqual(first);
  }
  expect(first).toEqual([...first].sort((a, b) => a - b));
});

describe('size classes', () => {
  test.each([
    [0, 256],
    [1, 256],
    [256, 256],
    [257, 512],
    [65_536, 65_536],
    [65_537, 73_728],
    [131_072, 131_072],
    [131_073, 147_456],
    [100 * MiB, 104 * MiB],
    [2 ** 32, 2 ** 32],
  ])('%d bytes take %d', (bytes, expected) => {
    expect(sizeClass(bytes)).toBe(expected);
  });

  test('hold what was asked, in whole words, with bounded waste, and are classes themselves', () => {
    for (let bytes = 1; bytes < 2 ** 33; bytes = Math.ceil(bytes * 1.0137) + (bytes % 3)) {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 256).toBe(0);
      expect(sizeClass(size)).toBe(size);
      if (bytes > 65_536) expect(size / bytes).toBeLessThanOrEqual(1.125);
    }
  });
});

describe('lending', () => {
  test('a buffer that came back serves the next of its class, and no other', () => {
    const { pool } = open();
    const first = pool.take(1000, 'a');
    pool.give(first.id);
    expect(pool.take(2000, 'b').id).not.toBe(first.id);
    expect(pool.take(513, 'c').id).toBe(first.id);
    expect(pool.take(513, 'd').id).not.toBe(first.id);
    expect(pool.report(0)).toMatchObject({ created: 3, pooled: 0, inUse: 1024 * 2 + 2048 });
  });

  test('giving back twice counts once', () => {
    const { pool } = open();
    const { id } = pool.take(1000, 'a');
    pool.give(id);
    pool.give(id);
    expect(pool.report(0)).toMatchObject({ inUse: 0, pooled: 1024 });
    pool.take(1000, 'b');
    expect(pool.take(1000, 'c').id).not.toBe(id);
  });

  test('the peak is the highest use, and starts anew on demand', () => {
    const { pool } = open();
    const a = pool.take(1024, 'a');
    const b = pool.take(2048, 'b');
    pool.give(b.id);
    expect(pool.report(0).peak).toBe(3072);
    pool.resetPeak();
    expect(pool.report(0).peak).toBe(1024);
    pool.give(a.id);
    expect(pool.report(512)).toMatchObject({ inUse: -512, tables: 512 });
  });

  test('1,000 cycles of varying sizes leave the use where it was, and the pool under its cap', () => {
    const { gpu, pool } = open({ maxPooledBytes: 4 * MiB });
    let lent: number[] = [];
    for (let cycle = 0; cycle < 1000; cycle++) {
      for (let i = 0; i < 5; i++) lent.push(pool.take(1 + ((cycle * 7919 + i * 104_729) % MiB), 'x').id);
      if (cycle % 3 === 2) {
        for (const id of lent) pool.give(id);
        lent = [];
        pool.trim();
        expect(pool.report(0).pooled).toBeLessThanOrEqual(4 * MiB);
        expect(gpu.held).toBe(pool.report(0).pooled);
      }
    }
    for (const id of lent) pool.give(id);
    expect(pool.report(0).inUse).toBe(0);
  });
});

describe('limits', () => {
  test('past the device’s largest buffer', () => {
    const { pool } = open({ maxBufferSize: 3 * MiB + 1026 });
    expect(code(() => pool.take(3 * MiB + 1025, 'x'))).toBe('buffer-too-large');
    expect(code(() => pool.take(Number.NaN, 'x'))).toBe('buffer-too-large');
    // Its class would be larger than the device allows.
    expect(pool.take(3 * MiB + 1, 'x').capacity).toBe(3 * MiB + 1024);
    expect(pool.report(0).inUse).toBe(3 * MiB + 1024);
  });

  test('past the budget, whether the buffer would be new or reused', () => {
    const { pool } = open({ budgetBytes: 3 * MiB });
    const a = pool.take(2 * MiB, 'a');
    expect(code(() => pool.take(2 * MiB, 'b'))).toBe('out-of-memory');
    pool.give(a.id);
    pool.take(1.5 * MiB, 'c');
    expect(code(() => pool.take(2 * MiB, 'd'))).toBe('out-of-memory');
    expect(pool.report(0)).toMatchObject({ inUse: 1.5 * MiB, pooled: 2 * MiB });
  });

  test('free buffers make way for the budget', () => {
    const { gpu, pool } = open({ budgetBytes: 3 * MiB });
    const a = pool.take(2 * MiB, 'a');
    pool.give(a.id);
    pool.take(1.5 * MiB, 'b');
    expect(gpu.held).toBe(3.5 * MiB);
    pool.trim();
    expect(gpu.held).toBe(1.5 * MiB);
  });
});

describe('a device without room', () => {
  test('says so later; the buffer is not lent again, and what lay unused goes', async () => {
    const { gpu, pool, failures } = open();
    pool.give(pool.take(2 * MiB, 'unused').id);
    gpu.room = 3 * MiB;
    const { id } = pool.take(4 * MiB, 'x');
    expect(pool.failureOf(id)).toBeUndefined();
    const [, error] = await Promise.all(failures);
    expect(error).toMatchObject({ code: 'out-of-memory' });
    expect(pool.failureOf(id)).toBe(error);
    pool.give(id);
    expect(pool.failureOf(id)).toBeUndefined();
    expect(pool.take(4 * MiB, 'y').id).not.toBe(id);
    pool.trim();
    expect(pool.report(0)).toMatchObject({ pooled: 0, inUse: 4 * MiB });
  });

  test('and a broken buffer that came back before it was known', async () => {
    const { gpu, pool, failures } = open();
    gpu.room = MiB;
    const { id } = pool.take(2 * MiB, 'x');
    pool.give(id);
    expect((await Promise.all(failures))[0]).toMatchObject({ code: 'out-of-memory' });
    expect(pool.report(0)).toMatchObject({ pooled: 0, inUse: 0 });
    expect(pool.take(2 * MiB, 'y').id).not.toBe(id);
  });
});

test('the end destroys what is free and what is lent', () => {
  const { gpu, pool } = open();
  const a = pool.take(1000, 'a');
  pool.give(pool.take(2000, 'b').id);
  pool.destroy();
  expect(gpu.held).toBe(0);
  pool.give(a.id);
  expect(pool.report(0)).toMatchObject({ inUse: 0, pooled: 0 });
});
