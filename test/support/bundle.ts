import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/lua-webgpu-tests/', import.meta.url));

/**
 * A script with all it imports of the packages in one plain JavaScript file: a process that runs it is there in a fifth
 * of a second, where one that compiles the packages first takes several. For scripts that tests start many times.
 *
 * @returns the path of the file, of this process alone
 */
export async function bundle(script: URL): Promise<string> {
  mkdirSync(CACHE, { recursive: true });
  const outfile = join(CACHE, `${basename(script.pathname, '.ts')}.${process.pid}.mjs`);
  await build({
    entryPoints: [fileURLToPath(script)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@lua-webgpu/source'],
    external: ['webgpu', 'koffi', '@sparticuz/chromium', 'sharp', 'yaml'],
    logLevel: 'error',
  });
  return outfile;
}
