import { type Device, type Family, openDevice, pick, refusal } from '@lua-webgpu/kernels';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseForced } from '../../../packages/kernels/src/forced.ts';
import { Tuned } from '../../../packages/kernels/src/runtime/picks.ts';
import { add } from './kernels.ts';

interface Shape {
  readonly size: number;
}
const constants = () => ({});
const family: Family<Shape> = {
  name: 'test',
  variants: [
    { name: 'half', kernel: { ...add, features: ['shader-f16'] }, constants },
    {
      name: 'even',
      kernel: add,
      constants,
      refuses: ({ size }) => (size % 2 === 0 ? undefined : 'takes even sizes'),
    },
    {
      name: 'small',
      kernel: add,
      constants,
      refuses: ({ size }) => (size < 10 ? undefined : 'takes sizes below 10'),
    },
  ],
};

const device = (forced?: string, f16 = false) =>
  ({
    force: new Map(forced === undefined ? [] : [['test', forced]]),
    tuned: new Tuned({ 'test {"size":6}': 'small' }),
    capabilities: {
      f16,
      subgroupSize: undefined,
      limits: {
        maxStorageBuffersPerShaderStage: 8,
        maxComputeInvocationsPerWorkgroup: 128,
        maxComputeWorkgroupSizeX: 128,
        maxComputeWorkgroupSizeY: 128,
        maxComputeWorkgroupSizeZ: 64,
        maxComputeWorkgroupStorageSize: 16_384,
      },
    },
  }) as unknown as Device;

describe('the variant for a shape', () => {
  test('is the first that the device supports and that takes the shape', () => {
    expect(pick(family, device(undefined, true), { size: 3 }).name).toBe('half');
    expect(pick(family, device(), { size: 4 }).name).toBe('even');
    expect(pick(family, device(), { size: 5 }).name).toBe('small');
  });

  test('is the first in the order that the family prefers', () => {
    const reversed: Family<Shape> = { ...family, prefer: (variants) => [...variants].reverse() };
    expect(pick(reversed, device(), { size: 4 }).name).toBe('small');
  });

  test('is the tuned one, before the first that fits and behind the forced one', () => {
    expect(pick(family, device(), { size: 6 }).name).toBe('small');
    expect(pick(family, device('even'), { size: 6 }).name).toBe('even');
  });

  test('is the forced one', () => {
    expect(pick(family, device('small'), { size: 4 }).name).toBe('small');
  });

  test.each<[string, string | undefined, number, string, RegExp]>([
    ['an unknown forced name', 'quick', 4, 'kernel-forced', /test: the forced variant quick is not one of/],
    [
      'a forced one that refuses',
      'small',
      40,
      'kernel-forced',
      /small takes sizes below 10 \(shape {"size":40}\)/,
    ],
    ['a forced one that the device lacks', 'half', 4, 'kernel-forced', /half needs shader-f16/],
    [
      'none that fits',
      undefined,
      41,
      'kernel-none',
      /half needs shader-f16; even takes even sizes; small takes/,
    ],
  ])('%s is an error', (_name, forced, size, code, message) => {
    expect(() => pick(family, device(forced), { size })).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test('refusal says why', () => {
    const [half, even] = family.variants;
    expect(half && refusal(half, device().capabilities, { size: 2 })).toBe('needs shader-f16');
    expect(even && refusal(even, device().capabilities, { size: 2 })).toBeUndefined();
  });
});

describe('LUA_WEBGPU_KERNEL', () => {
  afterEach(() => vi.unstubAllEnvs());

  test.each([
    ['', {}],
    [' ', {}],
    ['matmul:tiled', { matmul: 'tiled' }],
    [' matmul : tiled , window-attention:scalar', { matmul: 'tiled', 'window-attention': 'scalar' }],
  ])("'%s'", (text, expected) => {
    expect(parseForced(text)).toEqual(expected);
  });

  test.each([
    'matmul',
    'matmul:',
    ':tiled',
    'matmul:tiled:x',
    'matmul:tiled,',
    'matmul=tiled',
    'matmul:a,matmul:b',
  ])("'%s' is an error", (text) => {
    expect(() => parseForced(text)).toThrow(expect.objectContaining({ code: 'kernel-forced' }));
  });

  test('is read when a device is opened, unless the program forces variants itself', async () => {
    vi.stubEnv('LUA_WEBGPU_KERNEL', 'matmul');
    await expect(openDevice({ adapter: 'swiftshader' })).rejects.toMatchObject({ code: 'kernel-forced' });
    vi.stubEnv('LUA_WEBGPU_KERNEL', 'matmul:scalar');
    using opened = await openDevice({ adapter: 'swiftshader' });
    expect([...opened.force]).toEqual([['matmul', 'scalar']]);
    using own = await openDevice({ adapter: 'swiftshader', force: { conv2d: 'tiled' } });
    expect([...own.force]).toEqual([['conv2d', 'tiled']]);
  });

  test.each([
    [
      { matmull: 'tiled' },
      'force: no kernel family is called matmull',
      /^Did you mean matmul\? There are adam, /,
    ],
    [{ matmul: 'tyled' }, 'force: matmul has no variant tyled', /^Did you mean tiled\? There are \w+, /],
    [{ qwertyuiop: 'tiled' }, 'force: no kernel family is called qwertyuiop', /^There are adam, /],
  ])('%j names what does not exist', async (force, message, fix) => {
    await expect(openDevice({ adapter: 'swiftshader', force })).rejects.toMatchObject({
      code: 'kernel-unknown',
      message,
      fix: expect.stringMatching(fix),
    });
  });

  test('in the environment names what does not exist', async () => {
    vi.stubEnv('LUA_WEBGPU_KERNEL', 'conv2d:tiled,window-atention:scalar');
    await expect(openDevice({ adapter: 'swiftshader' })).rejects.toMatchObject({
      code: 'kernel-unknown',
      message: 'LUA_WEBGPU_KERNEL: no kernel family is called window-atention',
      fix: expect.stringContaining('Did you mean window-attention?'),
    });
  });
});
