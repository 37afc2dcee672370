import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as Kernels from '@lua-webgpu/kernels';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { requestPlatformAdapter } from '../../../packages/kernels/src/runtime/platform/node.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'web-entry-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bundles a package for browsers as an application's build would; what a browser lacks does not resolve. */
async function bundle(name: string): Promise<{ inputs: string[]; imports: string[]; file: string }> {
  const file = join(folder, `${name.replace(/\W/g, '-')}.mjs`);
  const { metafile } = await build({
    stdin: { contents: `export * from '${name}';`, resolveDir: ROOT },
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    conditions: ['@lua-webgpu/source'],
    outfile: file,
    metafile: true,
    logLevel: 'silent',
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path));
  return { inputs: Object.keys(metafile.inputs), imports, file };
}

describe('the browser build', () => {
  test('takes the web platform, and nothing of Node’s', async () => {
    const { inputs, imports } = await bundle('@lua-webgpu/kernels');
    expect(inputs.filter((path) => path.includes('/platform/')).map((path) => path.split('/').pop())).toEqual(
      ['web.ts'],
    );
    expect(inputs).toContain('packages/kernels/src/runtime/device.ts');
    for (const path of [...inputs, ...imports]) {
      expect(path).not.toMatch(/^node:|node_modules\/(webgpu|koffi|tar-fs|@sparticuz)\//);
      expect(path).not.toMatch(/platform\/(node|dawn|native|swiftshader)/);
    }
  });

  test('is the same from the sources and from what is published', async () => {
    const { imports } = JSON.parse(await readFile(join(ROOT, 'packages/kernels/package.json'), 'utf8'));
    const { browser, ...node } = imports['#platform'];
    for (const { '@lua-webgpu/source': source, default: published } of [browser, node]) {
      expect(published).toBe(source.replace('./src/', './dist/').replace(/\.ts$/, '.js'));
    }
    expect(Object.keys(imports['#platform'])[0]).toBe('browser');
  });

  test('computes on navigator.gpu', async () => {
    const { file } = await bundle('@lua-webgpu/kernels');
    const { adapter } = await requestPlatformAdapter({ name: 'swiftshader' });
    vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => adapter } });
    // A page has no process.
    vi.stubGlobal('process', undefined);
    try {
      const web: typeof Kernels = await import(/* @vite-ignore */ pathToFileURL(file).href);
      const notices: string[] = [];
      using device = await web.openDevice({ onNotice: (line) => notices.push(line) });
      expect(device.adapter).toMatchObject({ origin: 'browser', kind: 'software' });
      expect(notices).toEqual([expect.stringContaining('slow')]);
      const [a, b] = [device.upload(Float32Array.of(1, 2)), device.upload(Float32Array.of(3, 4))];
      const out = device.allocate(4);
      const shape = { rows: 1, k: 2, n: 1, bias: false, activation: { kind: 'none' } } as const;
      web.matmul(device, { a, b, out }, shape);
      expect([...new Float32Array(await device.read(out))]).toEqual([11]);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
