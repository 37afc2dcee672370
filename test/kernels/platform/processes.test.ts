import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasEmbeddedBuild } from '../../../packages/kernels/src/runtime/platform/swiftshader.ts';
import {
  hasLavapipe,
  installedDrivers,
} from '../../../packages/kernels/src/runtime/platform/vulkan-drivers.ts';
import { mountNamespace, probe, testWhere } from './processes.ts';

const here = hasEmbeddedBuild();
const WHY = 'Linux x64 only';
const NO_NAMESPACE = 'needs Linux x64 and a user who may unshare mount namespaces';
const SWIFTSHADER = { description: { vendor: 'google', origin: 'embedded' }, answer: 42 };

let cache = '';
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'adapter-test-'));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const swiftshader = () =>
  probe({ request: { name: 'swiftshader' }, environment: { LUA_WEBGPU_CACHE: cache } });

/** Variables under which neither the cache nor its substitute in the temporary folder can be made. */
async function nowhere() {
  const file = join(cache, 'file');
  await writeFile(file, '');
  // A mount namespace of an ordinary user's makes that user number 0 inside.
  for (const user of [0, userInfo().uid]) await writeFile(join(cache, `lua-webgpu-${user}`), '');
  return { LUA_WEBGPU_CACHE: join(file, 'below'), TMPDIR: cache };
}

describe('the unpacked driver', () => {
  testWhere(here, WHY, 'two processes that unpack at once both compute', async () => {
    const results = await Promise.all([swiftshader(), swiftshader()]);
    expect(results).toMatchObject([SWIFTSHADER, SWIFTSHADER]);
    const folders = await readdir(cache);
    expect(folders).toEqual([expect.stringMatching(/^swiftshader-\d+\.\d+\.\d+$/)]);
    expect((await readdir(join(cache, folders[0] ?? ''))).sort()).toEqual([
      'libvk_swiftshader.so',
      'libvulkan.so.1',
      'manifest.json',
      'vk_swiftshader_icd.json',
    ]);
  });

  testWhere(here, WHY, 'a damaged one is unpacked again', async () => {
    await swiftshader();
    const [folder = ''] = await readdir(cache);
    const path = join(cache, folder, 'libvk_swiftshader.so');
    const whole = await readFile(path);
    const damaged = Buffer.from(whole);
    damaged.fill(0, 1000, 200_000);
    await writeFile(path, damaged);
    expect(await swiftshader()).toMatchObject(SWIFTSHADER);
    expect((await readFile(path)).equals(whole)).toBe(true);
  });

  testWhere(here, WHY, 'a cache that cannot be written gives way to the temporary folder', async () => {
    await writeFile(join(cache, 'file'), '');
    const result = await probe({
      request: { name: 'swiftshader' },
      environment: { LUA_WEBGPU_CACHE: join(cache, 'file', 'below'), TMPDIR: cache },
    });
    expect(result).toMatchObject(SWIFTSHADER);
    expect(await readdir(cache)).toContainEqual(expect.stringMatching(/^lua-webgpu-\d+$/));
  });

  testWhere(here, WHY, 'nowhere to unpack is an error that says so', async () => {
    const environment = await nowhere();
    const result = await probe({ request: { name: 'swiftshader' }, environment });
    expect(result).toMatchObject({
      code: 'adapter-unknown',
      fix: expect.stringContaining('LUA_WEBGPU_CACHE'),
    });
    expect(result.message).toContain(environment.LUA_WEBGPU_CACHE);
  });
});

describe('the environment', () => {
  testWhere(here, WHY, 'holds no choice of driver afterwards', async () => {
    const result = await swiftshader();
    expect(result).toMatchObject(SWIFTSHADER);
    expect(result.driverFiles).toBeUndefined();
  });

  testWhere(here, WHY, 'the embedded driver is found whatever the user’s own variables say', async () => {
    const files = '/nowhere/driver.json';
    const result = await probe({ request: { name: 'swiftshader' }, environment: { VK_DRIVER_FILES: files } });
    expect(result).toMatchObject({ ...SWIFTSHADER, driverFiles: files });
  });

  testWhere(here, WHY, 'a worker thread reaches the embedded driver too', async () => {
    expect(await probe({ request: { name: 'swiftshader' }, worker: true })).toMatchObject(SWIFTSHADER);
  });

  testWhere(here, WHY, 'a lavapipe that Dawn refuses is passed over, and the notice says so', async () => {
    const manifest = join(cache, 'lvp_icd.x86_64.json');
    const ICD = { library_path: join(cache, 'absent.so'), api_version: '1.1.230' };
    await writeFile(manifest, JSON.stringify({ file_format_version: '1.0.0', ICD }));
    const result = await probe({ environment: { VK_DRIVER_FILES: manifest } });
    expect(result).toMatchObject(SWIFTSHADER);
    expect(result.notice).toMatch(/Passed over: the system's lavapipe/);
    expect(result.notice).not.toContain('\n');
  });
});

describe('a machine without libvulkan', () => {
  const possible = here && mountNamespace !== undefined;

  testWhere(possible, NO_NAMESPACE, 'and without drivers computes, in silence', async () => {
    const result = await probe({ hide: 'loader and drivers', environment: { LUA_WEBGPU_CACHE: cache } });
    expect(result).toMatchObject(SWIFTSHADER);
    expect(result.stderr).not.toMatch(/[Vv]ulkan|vk[A-Z]/);
  });

  testWhere(possible, NO_NAMESPACE, 'and without drivers computes in a worker thread', async () => {
    expect(await probe({ hide: 'loader and drivers', worker: true })).toMatchObject(SWIFTSHADER);
  });

  testWhere(
    possible && hasLavapipe(installedDrivers()),
    `${NO_NAMESPACE}, and lavapipe`,
    'but with a driver uses that driver through the embedded loader',
    async () => {
      const result = await probe({ hide: 'loader' });
      expect(result).toMatchObject({ description: { vendor: 'mesa', origin: 'system' }, answer: 42 });
    },
  );

  testWhere(
    possible,
    NO_NAMESPACE,
    'and nowhere to unpack has no adapter, and learns what to do',
    async () => {
      const result = await probe({ hide: 'loader and drivers', environment: await nowhere() });
      expect(result).toMatchObject({
        code: 'adapter-none',
        fix: expect.stringContaining('LUA_WEBGPU_CACHE'),
      });
      expect(result.fix).toContain('mesa-vulkan-drivers');
    },
  );
});

describe('installedDrivers', () => {
  const folder = (name: string) => join(cache, name, 'vulkan/icd.d');

  test('follows the loader’s search path', async () => {
    await mkdir(folder('data'), { recursive: true });
    await mkdir(folder('config'), { recursive: true });
    await writeFile(join(folder('data'), 'lvp_icd.json'), '{}');
    await writeFile(join(folder('data'), 'README'), '');
    await writeFile(join(folder('config'), 'gpu.json'), '{}');
    const environment = {
      HOME: cache,
      XDG_DATA_DIRS: join(cache, 'data'),
      XDG_CONFIG_DIRS: join(cache, 'config'),
    };
    const found = installedDrivers(environment);
    expect(found).toContain(join(folder('data'), 'lvp_icd.json'));
    expect(found).toContain(join(folder('config'), 'gpu.json'));
    expect(found).not.toContain(join(folder('data'), 'README'));
    expect(hasLavapipe(found)).toBe(true);
    expect(installedDrivers({ ...environment, VK_DRIVER_FILES: '/a.json:/b.json' })).toEqual([
      '/a.json',
      '/b.json',
    ]);
    expect(installedDrivers({ ...environment, VK_ICD_FILENAMES: folder('config') })).toEqual([
      join(folder('config'), 'gpu.json'),
    ]);
    expect(installedDrivers({ ...environment, VK_ADD_DRIVER_FILES: '/a.json' })).toEqual([
      '/a.json',
      ...found,
    ]);
  });
});
