import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Device,
  defineKernel,
  type Family,
  matmul,
  mergePicks,
  openDevice,
  pick,
  pickKey,
  read,
  storedPicks,
  storePicks,
  tune,
  write,
} from '@lua-webgpu/kernels';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

const adapter = 'swiftshader';
let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapter, tuned: false });
});
afterAll(() => device.destroy());

/** out[i] = x[i] + added, `rounds` times the work: a slow variant, and a wrong one. */
const adding = (name: string, rounds: number, added: number) =>
  defineKernel({
    name: `test/${name}`,
    source: `@compute @workgroup_size(WORKGROUP_X) fn main(@builtin(global_invocation_id) id: vec3u) {
      var sum = x[id.x];
      for (var i = 0u; i < ${rounds}u; i++) { sum = sum * 1.0 + f32(i / 4000000000u); }
      if (id.x < params.count) { out[id.x] = sum + ${added}.0; }
    }`,
    bindings: { x: read('f32'), out: write('f32') },
    params: { count: 'u32' },
    workgroup: () => [64, 1, 1],
    grid: ({ count }) => [Math.ceil(count / 64), 1, 1],
    cost: ({ count }) => ({ flops: count, bytes: 8 * count }),
  });

interface Shape {
  readonly count: number;
}

const variant = (name: string, kernel: ReturnType<typeof adding>) => ({
  name,
  kernel,
  constants: () => ({}),
});
const family: Family<Shape, ReturnType<typeof variant>> = {
  name: 'adding',
  variants: [
    variant('slow', adding('slow', 4_000, 1)),
    variant('wrong', adding('wrong', 1, 2)),
    variant('fast', adding('fast', 1, 1)),
  ],
};

async function work(on: Device, count = 4096): Promise<Float32Array[]> {
  const x = on.upload(Float32Array.from({ length: count }, (_, i) => i));
  const out = on.allocate(4 * count);
  const { kernel } = pick(family, on, { count });
  on.dispatch(kernel, { buffers: { x, out }, params: { count } });
  const result = new Float32Array(await on.read(out));
  for (const buffer of [x, out]) buffer.release();
  return [result];
}

describe('tune', () => {
  it('picks the fastest variant that computes the same, for each shape', async () => {
    const both = async () => [...(await work(device)), ...(await work(device, 8192))];
    const seen: number[] = [];
    const { picks, shapes, wrong } = await tune(device, both, { onProgress: (done) => seen.push(done) });
    expect(picks).toEqual({ 'adding {"count":4096}': 'fast', 'adding {"count":8192}': 'fast' });
    expect(wrong).toEqual(['adding:wrong']);
    expect(shapes.map(({ ms }) => [...ms.keys()])).toEqual([
      ['slow', 'fast'],
      ['slow', 'fast'],
    ]);
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(device.chooser).toBeUndefined();
    expect(pick(family, device, { count: 4096 }).name).toBe('slow');
  });

  it('is what a device then uses, for these shapes, unless another is forced or the pick is no more', async () => {
    const key = pickKey('adding', { count: 4096 });
    using tuned = await openDevice({ adapter, tuned: { [key]: 'fast', 'adding {"count":1}': 'gone' } });
    expect(pick(family, tuned, { count: 4096 }).name).toBe('fast');
    expect(pick(family, tuned, { count: 8192 }).name).toBe('slow');
    expect(pick(family, tuned, { count: 1 }).name).toBe('slow');
    expect((await work(tuned))[0]?.[3]).toBe(4);
  });

  it('sees the variants of matmul, and leaves the device as it was where the work fails', async () => {
    const product = async () => {
      const [a, b] = [64 * 8, 8 * 8].map((n) => device.upload(new Float32Array(n).fill(0.5)));
      const out = device.allocate(4 * 64 * 8);
      const shape = { rows: 64, k: 8, n: 8, bias: false, activation: { kind: 'none' as const } };
      if (a && b) matmul(device, { a, b, out }, shape);
      const result = new Float32Array(await device.read(out));
      for (const buffer of [a, b, out]) buffer?.release();
      return [result];
    };
    const { shapes, wrong } = await tune(device, product, { repeats: 1 });
    expect(wrong).toEqual([]);
    expect(shapes).toHaveLength(1);
    expect([...(shapes[0]?.ms.keys() ?? [])].sort()).toEqual([
      'scalar',
      'shared',
      'shared-32',
      'subgroup',
      'subgroup-32',
      'tiled',
    ]);

    const failing = tune(device, async () => Promise.reject(new RangeError('of the work')));
    await expect(failing).rejects.toThrow('of the work');
    expect(device.chooser).toBeUndefined();
  });
});

it('lets variants differ by a hundredth on a device whose products may be rounded', async () => {
  using rounding = await openDevice({ adapter, tuned: false, float32MatmulPrecision: 'medium' });
  // The wrong variant is off by one in four thousand.
  expect((await tune(rounding, () => work(rounding), { repeats: 1 })).wrong).toEqual([]);
  expect((await tune(device, () => work(device), { repeats: 1 })).wrong).toEqual(['adding:wrong']);
});

describe('mergePicks', () => {
  it('keeps what was found for other shapes, and forgets what is the default again', () => {
    const shape = (key: string) => ({ key, ms: new Map<string, number>(), picked: '' });
    const found = { picks: { a: 'new' }, shapes: [shape('a'), shape('b')], wrong: [] };
    expect(mergePicks({ a: 'old', b: 'old', c: 'old' }, found)).toEqual({ a: 'new', c: 'old' });
  });
});

describe('a key', () => {
  it('does not depend on the order of fields', () => {
    expect(pickKey('f', { b: 1, a: { d: [2, 1], c: 3 } })).toBe(
      pickKey('f', { a: { c: 3, d: [2, 1] }, b: 1 }),
    );
    expect(pickKey('f', { a: 1 })).not.toBe(pickKey('f', { a: 2 }));
  });
});

describe('stored picks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-tuned-'));
  const before = process.env.LUA_WEBGPU_CACHE;
  beforeAll(() => {
    process.env.LUA_WEBGPU_CACHE = folder;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.LUA_WEBGPU_CACHE;
    else process.env.LUA_WEBGPU_CACHE = before;
    rmSync(folder, { recursive: true });
  });

  it('are of float32: a device whose products may be rounded does without', async () => {
    const picks = { 'matmul {}': 'tiled' };
    await storePicks(device.adapter, picks);
    vi.stubEnv('LUA_WEBGPU_TUNED', '1');
    using exact = await openDevice({ adapter });
    expect(exact.tuned.picks).toEqual(picks);
    using rounding = await openDevice({ adapter, float32MatmulPrecision: 'medium' });
    expect(rounding.tuned.picks).toEqual({});
    vi.unstubAllEnvs();
  });

  it('belong to an adapter, and count for nothing where they are damaged', async () => {
    const picks = { 'matmul {}': 'tiled' };
    const path = await storePicks(device.adapter, picks);
    expect(await storedPicks(device.adapter)).toEqual(picks);
    expect(await storedPicks({ ...device.adapter, name: 'another' })).toBeUndefined();
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 20));
    expect(await storedPicks(device.adapter)).toBeUndefined();
  });
});
