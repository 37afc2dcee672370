import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const project = mkdtempSync(join(tmpdir(), 'lua-webgpu-consumer-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  expect(status, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

/** The README's example, as a reader would copy it. */
function tenLines(): string {
  const section = readFileSync(join(root, 'README.md'), 'utf8').split('## The library in ten lines')[1] ?? '';
  return /```ts\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
}

it('the packed packages install, compile and run in an empty TypeScript project', () => {
  run('npm', ['run', '-s', 'build'], root);
  const packed = JSON.parse(
    run('npm', ['pack', '--workspaces', '--json', '--pack-destination', project], root),
  ) as {
    filename: string;
    files: { path: string }[];
  }[];
  expect(packed).toHaveLength(5);
  for (const { filename, files } of packed) {
    const strangers = files.filter(
      ({ path }) => !/^(dist\/|data\/|pretrained\/|package\.json$|README|LICENSE)/.test(path),
    );
    expect(strangers, filename).toEqual([]);
  }
  const shipped = packed.flatMap(({ files }) => files.map(({ path }) => path));
  const latents = (name: string) =>
    [128, 256, 512].map((side) => `dist/examples/${name}-${side}.safetensors`);
  expect(shipped.filter((path) => path.startsWith('dist/examples/')).sort()).toEqual([
    'dist/examples/ATTRIBUTION.md',
    ...latents('astronaut'),
    'dist/examples/astronaut.jpg',
    'dist/examples/demo-golden.json',
    ...latents('raccoon'),
    'dist/examples/raccoon.jpg',
    'dist/examples/sources.json',
  ]);
  for (const name of ['flux-small', 'sdxl-small', 'sd3-small', 'flux-tiny-decoder']) {
    expect(shipped).toContain(`pretrained/${name}.safetensors`);
  }
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
  );
  const tarballs = packed.map(({ filename }) => `./${filename}`);
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs], project);
  // The compiler and Node's types are the workspace's: the project under test is what is installed above.
  symlinkSync(join(root, 'node_modules/@types'), join(project, 'node_modules/@types'));
  const source = tenLines();
  expect(source).toContain('upscale(');
  writeFileSync(join(project, 'main.ts'), source);
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    strict: true,
    types: ['node'],
    outDir: 'out',
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], project);
  const output = run(process.execPath, ['out/main.js'], project);
  expect(output).toContain('[ 1, 16, 16, 16 ]');
}, 240_000);
