import { afterEach, describe, expect, test, vi } from 'vitest';
import { AdapterError } from '../../../packages/kernels/src/runtime/errors.ts';
import * as node from '../../../packages/kernels/src/runtime/platform/node.ts';
import type { PlatformModule } from '../../../packages/kernels/src/runtime/platform/types.ts';
import * as web from '../../../packages/kernels/src/runtime/platform/web.ts';

afterEach(() => vi.unstubAllGlobals());

/** A page whose GPU gives adapters with this information, or none for null. */
function page(info: Partial<GPUAdapterInfo> | null) {
  const requestAdapter = vi.fn(async (_options?: GPURequestAdapterOptions) =>
    info === null ? null : { info },
  );
  vi.stubGlobal('navigator', { gpu: { requestAdapter } });
  return requestAdapter;
}

const failure = (request = {}): Promise<AdapterError> =>
  web.requestPlatformAdapter(request).then(
    () => expect.unreachable('an adapter was given'),
    (error) => error,
  );

describe('the browser', () => {
  test('both platforms have the one interface', () => {
    const platforms: PlatformModule[] = [node, web];
    const names = ['listAdapters', 'requestPlatformAdapter', 'storePicks', 'storedPicks'];
    expect(platforms.map((platform) => Object.keys(platform).sort())).toEqual([names, names]);
  });

  test('keeps no picks, and says so to who wants them kept', async () => {
    const platform: PlatformModule = web;
    const adapter = { name: 'a', vendor: '', architecture: '', kind: 'hardware', origin: 'browser' } as const;
    expect(await platform.storedPicks(adapter)).toBeUndefined();
    await expect(platform.storePicks(adapter, {})).rejects.toMatchObject({ code: 'adapter-tuned' });
  });

  test('the wishes reach the page, with defaults, and each call asks anew', async () => {
    const asked = page({
      vendor: 'nvidia',
      architecture: 'hopper',
      device: '',
      description: '',
      isFallbackAdapter: false,
    });
    const { description, notice } = await web.requestPlatformAdapter({});
    expect(description).toEqual({
      name: 'nvidia hopper',
      vendor: 'nvidia',
      architecture: 'hopper',
      kind: 'hardware',
      origin: 'browser',
    });
    expect(notice).toBe('lua-webgpu: running on nvidia hopper.');
    await web.requestPlatformAdapter({
      name: 'browser',
      featureLevel: 'compatibility',
      powerPreference: 'low-power',
    });
    expect(asked.mock.calls).toEqual([
      [{ featureLevel: 'core', powerPreference: 'high-performance' }],
      [{ featureLevel: 'compatibility', powerPreference: 'low-power' }],
    ]);
    expect(await web.listAdapters()).toEqual([description]);
  });

  test('a software adapter is called slow', async () => {
    page({ vendor: '', architecture: '', device: '', description: 'SwiftShader', isFallbackAdapter: true });
    const { description, notice } = await web.requestPlatformAdapter({});
    expect(description).toMatchObject({ name: 'SwiftShader', kind: 'software' });
    expect(notice).toMatch(/slow.*hardware acceleration/);
  });

  test('a name is refused', async () => {
    page({});
    const error = await failure({ name: 'lavapipe' });
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toMatchObject({ code: 'adapter-unknown', message: expect.stringContaining("'browser'") });
  });

  test('a page without WebGPU', async () => {
    vi.stubGlobal('navigator', {});
    expect(await failure()).toMatchObject({ code: 'adapter-none', fix: expect.stringContaining('Chrome') });
    expect(await web.listAdapters()).toEqual([]);
    vi.stubGlobal('isSecureContext', false);
    expect(await failure()).toMatchObject({ code: 'adapter-none', fix: expect.stringContaining('https') });
    vi.stubGlobal('navigator', undefined);
    expect(await failure()).toMatchObject({ code: 'adapter-none' });
  });

  test('a page with WebGPU and no adapter', async () => {
    page(null);
    expect(await failure()).toMatchObject({
      code: 'adapter-none',
      fix: expect.stringContaining('hardware acceleration'),
    });
    expect(await web.listAdapters()).toEqual([]);
  });
});
