import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AdapterError } from '../../../packages/kernels/src/runtime/errors.ts';
import { cachedFolder, cacheRoots } from '../../../packages/kernels/src/runtime/platform/cache.ts';

let root = '';
let filled = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cache-test-'));
  filled = 0;
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

async function fill(folder: string): Promise<void> {
  filled++;
  await writeFile(join(folder, 'one'), 'first file');
  await writeFile(join(folder, 'two'), 'second file');
}

const inside = (folder: string) => readFile(join(folder, 'one'), 'utf8');

describe('cachedFolder', () => {
  test('fills once, and leaves nothing beside the folder', async () => {
    const folder = await cachedFolder('thing-1', fill, [root]);
    expect(folder).toBe(join(root, 'thing-1'));
    expect(await cachedFolder('thing-1', fill, [root])).toBe(folder);
    expect(filled).toBe(1);
    expect(await readdir(root)).toEqual(['thing-1']);
  });

  test('another version is another folder', async () => {
    await cachedFolder('thing-1', fill, [root]);
    await cachedFolder('thing-2', fill, [root]);
    expect(filled).toBe(2);
    expect((await readdir(root)).sort()).toEqual(['thing-1', 'thing-2']);
  });

  const damages: Record<string, (folder: string) => Promise<void>> = {
    'a changed byte of the same length': (folder) => writeFile(join(folder, 'one'), 'first fil_'),
    'a shortened file': (folder) => writeFile(join(folder, 'two'), ''),
    'a missing file': (folder) => rm(join(folder, 'one')),
    'a missing manifest': (folder) => rm(join(folder, 'manifest.json')),
    'a manifest that is not JSON': (folder) => writeFile(join(folder, 'manifest.json'), '{'),
    'an empty manifest': (folder) => writeFile(join(folder, 'manifest.json'), '{}'),
    'an empty folder': async (folder) => {
      await rm(folder, { recursive: true });
      await mkdir(folder);
    },
    'a file in the folder’s place': async (folder) => {
      await rm(folder, { recursive: true });
      await writeFile(folder, '');
    },
    'a folder in a file’s place': async (folder) => {
      await rm(join(folder, 'one'));
      await mkdir(join(folder, 'one', 'deep'), { recursive: true });
    },
  };
  test.each(Object.entries(damages))('repairs %s', async (_name, damage) => {
    const folder = await cachedFolder('thing', fill, [root]);
    await damage(folder);
    await cachedFolder('thing', fill, [root]);
    expect(filled).toBe(2);
    expect(await inside(folder)).toBe('first file');
    expect(await readFile(join(folder, 'two'), 'utf8')).toBe('second file');
    await cachedFolder('thing', fill, [root]);
    expect(filled).toBe(2);
    expect(await readdir(root)).toEqual(['thing']);
  });

  test('many at once all succeed, on an empty cache and on a damaged one', async () => {
    const many = () =>
      Promise.all(Array.from({ length: 8 }, () => cachedFolder('thing', fill, [root]).then(inside)));
    expect(await many()).toEqual(Array(8).fill('first file'));
    await writeFile(join(root, 'thing', 'one'), 'broken');
    expect(await many()).toEqual(Array(8).fill('first file'));
    expect(await readdir(root)).toEqual(['thing']);
  });

  test('a failed filling passes through and leaves nothing', async () => {
    const broken = async (folder: string) => {
      await fill(folder);
      throw new AdapterError('adapter-embedded', 'broken archive', 'Reinstall.');
    };
    await expect(cachedFolder('thing', broken, [root])).rejects.toThrow('broken archive');
    expect(await readdir(root)).toEqual([]);
  });

  test('what killed processes left is removed when it is old', async () => {
    await mkdir(join(root, '.unpacking-old'));
    await utimes(join(root, '.unpacking-old'), 1, 1);
    await mkdir(join(root, '.unpacking-new'));
    await cachedFolder('thing', fill, [root]);
    expect((await readdir(root)).sort()).toEqual(['.unpacking-new', 'thing']);
  });

  test('a root that cannot be made gives way to the next', async () => {
    await writeFile(join(root, 'file'), '');
    const folder = await cachedFolder('thing', fill, [join(root, 'file', 'below'), join(root, 'good')]);
    expect(folder).toBe(join(root, 'good', 'thing'));
  });

  test('no usable root is a typed error that names them', async () => {
    await writeFile(join(root, 'file'), '');
    const error: unknown = await cachedFolder('thing', fill, [join(root, 'file', 'below')]).catch((e) => e);
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toMatchObject({
      code: 'adapter-embedded',
      fix: expect.stringContaining('LUA_WEBGPU_CACHE'),
    });
    expect(String(error)).toContain(join(root, 'file', 'below'));
  });

  test('a folder in the shared temporary one that others can write is refused', async () => {
    vi.stubEnv('TMPDIR', root);
    const shared = join(root, `lua-webgpu-${userInfo().uid}`);
    await mkdir(shared);
    await chmod(shared, 0o777);
    await expect(cachedFolder('thing', fill, [shared])).rejects.toThrow('not private');
    await rm(shared, { recursive: true });
    await cachedFolder('thing', fill, [shared]);
    expect((await stat(shared)).mode & 0o777).toBe(0o700);
  });
});

describe('cacheRoots', () => {
  test('LUA_WEBGPU_CACHE, then XDG_CACHE_HOME, then the home; the temporary folder last', () => {
    const temporary = expect.stringContaining(join(tmpdir(), 'lua-webgpu-'));
    expect(cacheRoots({ LUA_WEBGPU_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toEqual([
      '/a',
      temporary,
    ]);
    expect(cacheRoots({ XDG_CACHE_HOME: '/b', HOME: '/c' })).toEqual(['/b/lua-webgpu', temporary]);
    expect(cacheRoots({ HOME: '/c' })).toEqual(['/c/.cache/lua-webgpu', temporary]);
  });
});
