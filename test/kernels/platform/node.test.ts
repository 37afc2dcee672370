import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AdapterError } from '../../../packages/kernels/src/runtime/errors.ts';
import { loadDawn } from '../../../packages/kernels/src/runtime/platform/dawn.ts';
import { listAdapters, requestPlatformAdapter } from '../../../packages/kernels/src/runtime/platform/node.ts';
import { hasEmbeddedBuild } from '../../../packages/kernels/src/runtime/platform/swiftshader.ts';
import { answerOf } from './dispatch.ts';
import { testWhere } from './processes.ts';

beforeEach(() => {
  vi.stubEnv('LUA_WEBGPU_ADAPTER', undefined);
});
afterEach(() => vi.unstubAllEnvs());

const adapters = await listAdapters();
const lavapipe = adapters.find(({ name }) => name.includes('llvmpipe'));
const embedded = adapters.find(({ origin }) => origin === 'embedded');
const unknown = (name: string) =>
  requestPlatformAdapter({ name }).then(
    () => expect.unreachable('an adapter was given'),
    (error) => error,
  );

describe('the default', () => {
  test('is hardware, else the system’s software, else what npm brought; and it computes', async () => {
    const { adapter, description, notice } = await requestPlatformAdapter({});
    const best =
      adapters.find(({ kind }) => kind === 'hardware') ??
      adapters.find(({ origin }) => origin === 'system') ??
      embedded;
    expect(description).toEqual(best);
    expect(notice).toContain(description.name);
    expect(notice).not.toContain('\n');
    expect(await answerOf(adapter)).toBe(42);
  });

  test('each call gives an adapter that is good for a device', async () => {
    const [a, b] = await Promise.all([requestPlatformAdapter({}), requestPlatformAdapter({})]);
    expect(a.adapter).not.toBe(b.adapter);
    expect(await Promise.all([answerOf(a.adapter), answerOf(b.adapter)])).toEqual([42, 42]);
    await expect(a.adapter.requestDevice()).rejects.toThrow(/consumed/);
    expect(await answerOf((await requestPlatformAdapter({})).adapter)).toBe(42);
  });

  test('WebGPU’s constants are global afterwards', async () => {
    expect(GPUBufferUsage.STORAGE).toBe(0x80);
    expect(GPUMapMode.READ).toBe(1);
  });
});

describe('a named adapter', () => {
  testWhere(
    hasEmbeddedBuild(),
    'Linux x64 only',
    'swiftshader is the embedded one, and computes',
    async () => {
      const { adapter, description, notice } = await requestPlatformAdapter({ name: 'SwiftShader' });
      expect(description).toEqual({
        name: 'SwiftShader Device (Subzero)',
        vendor: 'google',
        architecture: 'swiftshader',
        kind: 'software',
        origin: 'embedded',
      });
      expect(notice).toMatch(/embedded software adapter.*slow.*install/);
      expect(await answerOf(adapter)).toBe(42);
    },
  );

  testWhere(
    lavapipe !== undefined,
    'no lavapipe here',
    'lavapipe is the system’s, and computes',
    async () => {
      for (const name of ['lavapipe', 'llvmpipe', 'LLVMPIPE (llvm']) {
        const { adapter, description } = await requestPlatformAdapter({ name });
        expect(description).toMatchObject({ kind: 'software', origin: 'system', vendor: 'mesa' });
        expect(await answerOf(adapter)).toBe(42);
      }
    },
  );

  testWhere(
    lavapipe !== undefined && embedded !== undefined,
    'needs lavapipe and SwiftShader',
    'two adapters of different drivers live side by side, the system’s listed first',
    async () => {
      expect(adapters.indexOf(lavapipe!)).toBeLessThan(adapters.indexOf(embedded!));
      const [mesa, google] = await Promise.all(
        ['lavapipe', 'swiftshader'].map((name) => requestPlatformAdapter({ name })),
      );
      expect([mesa?.description.vendor, google?.description.vendor]).toEqual(['mesa', 'google']);
      expect(await Promise.all([answerOf(mesa!.adapter), answerOf(google!.adapter)])).toEqual([42, 42]);
    },
  );

  testWhere(
    adapters.some(({ kind }) => kind === 'software'),
    'no software adapter here',
    'software means one even beside a GPU, and LUA_WEBGPU_ADAPTER does as the argument',
    async () => {
      vi.stubEnv('LUA_WEBGPU_ADAPTER', 'software');
      expect((await requestPlatformAdapter({})).description.kind).toBe('software');
    },
  );

  test('the argument counts for more than the variable, and an empty variable for nothing', async () => {
    vi.stubEnv('LUA_WEBGPU_ADAPTER', 'no such adapter');
    const name = adapters[0]?.name ?? '';
    expect((await requestPlatformAdapter({ name })).description.name).toBe(name);
    await expect(requestPlatformAdapter({})).rejects.toMatchObject({ code: 'adapter-unknown' });
    vi.stubEnv('LUA_WEBGPU_ADAPTER', '');
    await expect(requestPlatformAdapter({})).resolves.toBeDefined();
  });

  test('a wrong name lists every adapter', async () => {
    const error = await unknown('zzz');
    expect(error).toBeInstanceOf(AdapterError);
    expect(error.code).toBe('adapter-unknown');
    for (const { name } of adapters) expect(error.message).toContain(`'${name}'`);
    expect(error.fix).toContain('LUA_WEBGPU_ADAPTER');
  });

  testWhere(
    adapters.every(({ kind }) => kind === 'software'),
    'there is hardware here',
    'hardware is not replaced by software in silence',
    async () => {
      expect(await unknown('hardware')).toMatchObject({ code: 'adapter-unknown' });
    },
  );
});

describe('featureLevel compatibility', () => {
  for (const { name } of adapters) {
    test(`${name} gives a device with the portable limits and computes`, async () => {
      const request = { name, featureLevel: 'compatibility' } as const;
      const device = await (await requestPlatformAdapter(request)).adapter.requestDevice();
      expect(device.features.has('core-features-and-limits')).toBe(false);
      expect(device.limits.maxComputeInvocationsPerWorkgroup).toBe(128);
      device.destroy();
      expect(await answerOf((await requestPlatformAdapter(request)).adapter)).toBe(42);
    });
  }
});

describe('the package webgpu', () => {
  test('missing is a typed error with the command', async () => {
    const load = () => import('webgpu-that-nobody-installed' as string);
    await expect(loadDawn(load)).rejects.toMatchObject({
      code: 'adapter-no-webgpu',
      fix: 'Run npm install webgpu@0.6.2.',
    });
  });

  test('present but not for this machine is another', async () => {
    const load = async () => {
      throw new Error('/lib/ld-musl: version GLIBC_2.29 not found');
    };
    await expect(loadDawn(load)).rejects.toMatchObject({
      code: 'adapter-no-webgpu',
      message: expect.stringContaining('GLIBC_2.29'),
      fix: expect.stringContaining('glibc'),
    });
  });

  test('constants that the program has defined are left alone', async () => {
    const existing = GPUMapMode;
    vi.stubGlobal('GPUMapMode', 'mine');
    const create = () => expect.unreachable('no instance is needed');
    await loadDawn(async () => ({ create, globals: { GPUMapMode: 'theirs', GPUNewConstant: 7 } }));
    expect(globalThis).toMatchObject({ GPUMapMode: 'mine', GPUNewConstant: 7 });
    vi.stubGlobal('GPUMapMode', existing);
    Reflect.deleteProperty(globalThis, 'GPUNewConstant');
  });
});
