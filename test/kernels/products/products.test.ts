import {
  type Capabilities,
  type Conv2dGeometry,
  conv2dFamily,
  conv2dWeightGradientFamily,
  type MatmulShape,
  matmulFamily,
  openDevice,
  type Variant,
  type WindowAttentionShape,
  windowAttentionFamily,
} from '@lua-webgpu/kernels';
import { conv2d, matmul, matmulTransposed, openScope, type Scope, type Tensor } from '@lua-webgpu/tensor';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const shape: MatmulShape = {
  rows: 65_536,
  k: 60,
  n: 180,
  bias: false,
  activation: { kind: 'none' },
};

const convolution: Conv2dGeometry = {
  batch: 1,
  height: 64,
  width: 64,
  cin: 60,
  cout: 60,
  kernelHeight: 3,
  kernelWidth: 3,
  stride: 1,
  padding: { top: 1, bottom: 1, left: 1, right: 1 },
};

describe('the variant of a product', () => {
  const order = (changed: Partial<MatmulShape>, software: boolean) => {
    const capabilities = { software, subgroupSize: 8 } as Capabilities;
    const variants =
      matmulFamily.prefer?.(matmulFamily.variants, capabilities, { ...shape, ...changed }) ?? [];
    return variants.map(({ name }) => name).slice(0, 4);
  };

  it('is by tiles in workgroup memory on hardware, smaller ones where there are few, f16 where it is allowed', () => {
    expect(order({}, false)).toEqual(['subgroup-matrix', 'shared-half', 'shared', 'subgroup']);
    expect(order({ rows: 4096 }, false)).toEqual([
      'subgroup-matrix',
      'shared-32-half',
      'shared-32',
      'shared-half',
    ]);
    expect(order({ k: 4 }, false)).toEqual(['subgroup', 'subgroup-32', 'tiled', 'scalar']);
    expect(order({ rows: 8 }, false)).toEqual(['subgroup', 'subgroup-32', 'tiled', 'scalar']);
    expect(order({ n: 28 }, false)).toEqual(['subgroup', 'subgroup-32', 'tiled', 'scalar']);
  });

  it('is by subgroups on software', () => {
    expect(order({}, true)).toEqual(['subgroup-32', 'subgroup', 'tiled', 'scalar']);
    expect(order({ rows: 64 }, true)).toEqual(['subgroup', 'subgroup-32', 'tiled', 'scalar']);
  });
});

describe('the variant of a weight gradient', () => {
  const first = (cout: number, capabilities: Partial<Capabilities>) => {
    const { variants, prefer } = conv2dWeightGradientFamily;
    return prefer?.(variants, capabilities as Capabilities, { ...convolution, cout })[0]?.name;
  };

  it('is by tiles in workgroup memory on hardware, unless most of a tile stays empty', () => {
    expect(first(60, { software: false, subgroupSize: 32 })).toBe('shared');
    expect(first(28, { software: false, subgroupSize: 32 })).toBe('tiled');
    expect(first(60, { software: false, subgroupSize: 64 })).toBe('shared');
    expect(first(60, { software: true, subgroupSize: 8 })).toBe('subgroup-32');
  });
});

describe('the variant of window attention', () => {
  const order = (capabilities: Pick<Capabilities, 'software' | 'subgroupSize'>) => {
    const { variants, prefer } = windowAttentionFamily;
    return prefer?.(variants, capabilities as Capabilities, {} as WindowAttentionShape).map(
      ({ name }) => name,
    );
  };

  it('is by workgroup memory on hardware, by small subgroups on software', () => {
    expect(order({ software: false, subgroupSize: 32 })).toEqual(['shared', 'tiled', 'subgroup', 'scalar']);
    expect(order({ software: false, subgroupSize: undefined })?.[0]).toBe('shared');
    expect(order({ software: true, subgroupSize: 8 })?.[0]).toBe('subgroup');
    expect(order({ software: true, subgroupSize: 32 })).toEqual(['tiled', 'subgroup', 'scalar', 'shared']);
  });
});

describe('LUA_WEBGPU_MATMUL_PRECISION', () => {
  afterEach(() => vi.unstubAllEnvs());
  const open = async (float32MatmulPrecision?: 'highest' | 'medium') => {
    using device = await openDevice({
      adapter: 'swiftshader',
      ...(float32MatmulPrecision && { float32MatmulPrecision }),
    });
    return device.capabilities.halfProducts;
  };

  it('is what a program does not say', async () => {
    expect(await open()).toBe(false);
    vi.stubEnv('LUA_WEBGPU_MATMUL_PRECISION', 'medium');
    expect(await open()).toBe(true);
    expect(await open('highest')).toBe(false);
    vi.stubEnv('LUA_WEBGPU_MATMUL_PRECISION', '');
    expect(await open()).toBe(false);
  });

  it.each([
    ['medum', 'Did you mean medium? It is highest or medium.'],
    ['bf16', 'It is highest or medium.'],
  ])('names %s as unknown', async (value, fix) => {
    vi.stubEnv('LUA_WEBGPU_MATMUL_PRECISION', value);
    const message = `LUA_WEBGPU_MATMUL_PRECISION is "${value}"`;
    await expect(open()).rejects.toMatchObject({ code: 'matmul-precision', message, fix });
  });
});

/** Whole numbers from 1 to 8, each with a fraction that float16 has no room for. */
function between(scope: Scope, dims: number[], fraction: number): Tensor {
  const size = dims.reduce((a, b) => a * b, 1);
  return scope.tensor(
    Float32Array.from({ length: size }, (_, i) => 1 + (Math.imul(i, 0x9e3779b1) >>> 29) + fraction),
    dims,
  );
}

/** The variants of a family that round operands, with what a pipeline of each takes. */
const halves = <Shape>(variants: readonly Variant<Shape>[], of: Shape) =>
  variants
    .filter(({ roundsToHalf }) => roundsToHalf)
    .map(({ name, kernel, constants }) => ({ name, kernel, constants: constants(of) }));
const ofMatmul = { family: 'matmul', variants: halves(matmulFamily.variants, shape) };
const ofConv2d = {
  family: 'conv2d',
  variants: halves(conv2dFamily.variants, { ...convolution, bias: false, activation: { kind: 'none' } }),
};

const runs: Record<string, typeof ofMatmul & { run: (scope: Scope, fraction: number) => Tensor }> = {
  'a product': {
    ...ofMatmul,
    run: (scope, fraction) =>
      matmul(between(scope, [70, 300], fraction), between(scope, [300, 72], fraction)),
  },
  'a product with a transposed matrix': {
    ...ofMatmul,
    run: (scope, fraction) =>
      matmulTransposed(between(scope, [70, 300], fraction), between(scope, [72, 300], fraction)),
  },
  'a convolution': {
    ...ofConv2d,
    run: (scope, fraction) =>
      conv2d(between(scope, [1, 9, 8, 20], fraction), between(scope, [3, 3, 20, 72], fraction), {
        padding: 1,
      }),
  },
};
for (const adapter of await adapterCases()) {
  describe(`products of float16 on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, { family, variants, run }] of Object.entries(runs)) {
      for (const { name: variant, kernel, constants } of variants) {
        it(`${name} by ${variant} rounds its operands, not its sums`, async ({ skip }) => {
          const exact = await devices.open();
          const reason = exact.unsupported(kernel, constants);
          if (reason) skip(reason);
          const device = await devices.open({
            force: { [family]: variant },
            float32MatmulPrecision: 'medium',
          });
          using ours = openScope(device);
          using theirs = openScope(exact);
          const rounded = await run(ours, 2 ** -13).read();
          const whole = await run(theirs, 0).read();
          expect(rounded).toEqual(whole);
          expect(rounded).not.toEqual(await run(theirs, 2 ** -13).read());
          expect(Math.max(...whole)).toBeGreaterThan(2048);
        });
      }

      it(`${name} rounds nothing where that is not allowed`, async () => {
        const device = await devices.open({ force: { [family]: 'shared-half' } });
        using scope = openScope(device);
        expect(() => run(scope, 0)).toThrow(
          expect.objectContaining({
            code: 'kernel-forced',
            message: expect.stringMatching(/rounds operands to float16/),
          }),
        );
      });
    }
  });
}
