import {
  activeBindings,
  assemble,
  type Capabilities,
  constantCombinations,
  defineKernel,
  foldGrid,
  type Grid,
  KernelError,
  packParams,
  read,
  resolveConstants,
  resolveGrid,
  unsupported,
  write,
} from '@lua-webgpu/kernels';
import { describe, expect, test } from 'vitest';

const base = {
  name: 'test/base',
  source: '@compute @workgroup_size(WORKGROUP_X) fn main() {}\n',
  bindings: { x: read('vec4f'), bias: read('f32', 'HAS_BIAS'), out: write('u32') },
  constants: { HAS_BIAS: [false, true], TILE: [4, 8] },
  params: { rows: 'u32', shift: 'i32', slope: 'f32' },
  workgroup: (): Grid => [32, 2, 1],
  grid: (): Grid => [1, 1, 1],
  cost: () => ({ flops: 0, bytes: 0 }),
} as const;

const capabilities: Capabilities = {
  subgroupSize: 8,
  f16: false,
  halfProducts: false,
  subgroupMatrix: false,
  immediateBytes: 64,
  software: true,
  limits: {
    maxBufferSize: 2 ** 28,
    maxStorageBufferBindingSize: 2 ** 27,
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16_384,
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupSizeX: 128,
    maxComputeWorkgroupSizeY: 128,
    maxComputeWorkgroupSizeZ: 64,
    maxComputeWorkgroupsPerDimension: 65_535,
    minStorageBufferOffsetAlignment: 256,
    minUniformBufferOffsetAlignment: 256,
  },
};

describe('declarations', () => {
  const wide = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`p${i}`, 'u32' as const]));
  test.each<[string, object, RegExp]>([
    ['a binding under an unknown constant', { bindings: { x: read('f32', 'HAS_X') } }, /x when HAS_X/],
    ['a binding under a number', { bindings: { x: read('f32', 'TILE') } }, /x when TILE/],
    ['a negative constant', { constants: { ...base.constants, TILE: [-1] } }, /TILE/],
    ['a fraction as a constant', { constants: { ...base.constants, TILE: [0.5] } }, /TILE/],
    ['a constant without values', { constants: { ...base.constants, TILE: [] } }, /TILE/],
    ['more params than a slot of the ring holds', { params: wide }, /260 bytes/],
    ['a name for a constant and a binding', { bindings: { TILE: read('f32') } }, /TILE twice/],
    ['a name that the prelude uses', { bindings: { params: read('f32') } }, /params twice/],
  ])('%s', (_name, change, message) => {
    expect(() => defineKernel({ ...base, ...change })).toThrow(KernelError);
    expect(() => defineKernel({ ...base, ...change })).toThrow(message);
  });

  test('all combinations of the constants', () => {
    const kernel = defineKernel(base);
    expect(constantCombinations(kernel)).toEqual([
      { HAS_BIAS: false, TILE: 4 },
      { HAS_BIAS: false, TILE: 8 },
      { HAS_BIAS: true, TILE: 4 },
      { HAS_BIAS: true, TILE: 8 },
    ]);
    expect(constantCombinations(defineKernel({ ...base, constants: { HAS_BIAS: [true] } }))).toEqual([
      { HAS_BIAS: true },
    ]);
  });
});

describe('the prelude', () => {
  const kernel = defineKernel({ ...base, libraries: { 'lib/one.wgsl': '// one\n// two\n' } });

  test('says features, constants, bindings in their order, and params', () => {
    const constants = { HAS_BIAS: true, TILE: 8 };
    const { text } = assemble(kernel, constants, true);
    expect(text.split('\n').slice(0, 14)).toEqual([
      'const HAS_BIAS: bool = true;',
      'const TILE: u32 = 8u;',
      'const WORKGROUP_X: u32 = 32u;',
      'const WORKGROUP_Y: u32 = 2u;',
      'const WORKGROUP_Z: u32 = 1u;',
      '@group(0) @binding(0) var<storage, read> x: array<vec4f>;',
      '@group(0) @binding(1) var<storage, read> bias: array<f32>;',
      '@group(0) @binding(2) var<storage, read_write> out: array<u32>;',
      'struct Params {',
      '  rows: u32,',
      '  shift: i32,',
      '  slope: f32,',
      '}',
      'var<immediate> params: Params;',
    ]);
    expect(assemble(kernel, constants, false).text).toContain(
      '@group(1) @binding(0) var<uniform> params: Params;',
    );
  });

  test('numbers the bindings that exist', () => {
    const constants = { HAS_BIAS: false, TILE: 8 };
    expect(activeBindings(kernel, constants).map(([name]) => name)).toEqual(['x', 'out']);
    expect(assemble(kernel, constants, true).text).toContain('@binding(1) var<storage, read_write> out');
  });

  test('comes with the features first, and the subgroup size', () => {
    const fast = defineKernel({ ...base, features: ['subgroups', 'shader-f16'] });
    const constants = resolveConstants(fast, { HAS_BIAS: false, TILE: 4 }, capabilities);
    const lines = assemble(fast, constants, true).text.split('\n');
    expect(lines.slice(0, 2)).toEqual(['enable subgroups;', 'enable f16;']);
    expect(lines).toContain('const SUBGROUP_SIZE: u32 = 8u;');
  });

  test('lines are found again in their files', () => {
    const shader = assemble(kernel, { HAS_BIAS: false, TILE: 4 }, true);
    const lines = shader.text.split('\n');
    expect(shader.locate(1)).toBe('test/base prelude:1');
    expect(shader.locate(lines.indexOf('// two') + 1)).toBe('lib/one.wgsl:2');
    expect(shader.locate(lines.findIndex((line) => line.includes('fn main')) + 1)).toBe('test/base.wgsl:1');
    expect(shader.locate(0)).toBe('test/base.wgsl');
    expect(shader.locate(10_000)).toBe('test/base.wgsl');
  });
});

describe('params', () => {
  const kernel = defineKernel(base);

  test('are packed in the order of the declaration, little-endian', () => {
    const bytes = packParams(kernel, { slope: 0.5, rows: 4_294_967_295, shift: -2 });
    expect([...bytes]).toEqual([255, 255, 255, 255, 254, 255, 255, 255, 0, 0, 0, 63]);
  });

  test.each([
    ['missing', { rows: 1, shift: 1 }],
    ['negative', { rows: -1, shift: 1, slope: 1 }],
    ['too large', { rows: 2 ** 32, shift: 1, slope: 1 }],
    ['too large for a signed one', { rows: 1, shift: 2 ** 31, slope: 1 }],
    ['a fraction', { rows: 1, shift: 0.5, slope: 1 }],
    ['not a number', { rows: Number.NaN, shift: 1, slope: 1 }],
    ['text', { rows: 1, shift: 1, slope: '1' as never }],
  ])('%s', (_name, values) => {
    expect(() => packParams(kernel, values as never)).toThrow(
      expect.objectContaining({ code: 'kernel-params' }),
    );
  });
});

describe('support', () => {
  const constants = { HAS_BIAS: true, TILE: 4 };
  const limits = (change: Partial<Capabilities['limits']>) => ({
    ...capabilities,
    limits: { ...capabilities.limits, ...change },
  });
  const reason = (change: object, device: Capabilities = capabilities) =>
    unsupported(defineKernel({ ...base, ...change }), constants, device);

  test('what the device has is no reason', () => {
    expect(reason({})).toBeUndefined();
    expect(reason({ features: ['subgroups'], workgroupBytes: () => 16_384 })).toBeUndefined();
  });

  test.each<[string, string | undefined]>([
    [
      'needs subgroups of one fixed size',
      reason({ features: ['subgroups'] }, { ...capabilities, subgroupSize: undefined }),
    ],
    ['needs shader-f16', reason({ features: ['shader-f16'] })],
    ['needs 256 invocations in a workgroup, the device has 128', reason({ workgroup: () => [32, 8, 1] })],
    ['needs a workgroup of 1×1×128', reason({ workgroup: () => [1, 1, 128] })],
    ['needs 16388 bytes of workgroup memory, the device has 16384', reason({ workgroupBytes: () => 16_388 })],
    ['needs 3 storage buffers, the device has 2', reason({}, limits({ maxStorageBuffersPerShaderStage: 2 }))],
  ])('%s', (expected, found) => {
    expect(found).toBe(expected);
  });

  test('a binding that does not exist is not counted', () => {
    const two = limits({ maxStorageBuffersPerShaderStage: 2 });
    expect(unsupported(defineKernel(base), { HAS_BIAS: false, TILE: 4 }, two)).toBeUndefined();
  });
});

describe('folded grids', () => {
  test.each([0, 1, 65_535, 65_536, 131_070, 131_071, 10_000_019, 65_535 * 65_535])('%d groups', (groups) => {
    const [x, y, z] = resolveGrid(foldGrid(groups));
    expect(x * y * z).toBeGreaterThanOrEqual(groups);
    expect(x * y * z - groups).toBeLessThan(Math.max(1, y));
    expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
  });

  test('sooner where that is wanted, as far as the rows fit', () => {
    expect(resolveGrid(foldGrid(2), 2)).toEqual([2, 1, 1]);
    expect(resolveGrid(foldGrid(5), 2)).toEqual([2, 3, 1]);
    expect(resolveGrid(foldGrid(4 * 65_535), 2)).toEqual([4, 65_535, 1]);
  });

  test('beside other dimensions', () => {
    expect(resolveGrid([7, ...foldGrid(65_536)])).toEqual([7, 32_768, 2]);
    expect(resolveGrid([...foldGrid(3), 7], 2)).toEqual([2, 2, 7]);
    expect(resolveGrid([])).toEqual([1, 1, 1]);
  });
});
