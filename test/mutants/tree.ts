import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Mutation, mutate } from './mutation.ts';
import { readSource, root, shaderFolder } from './sources.ts';

const copied = [
  'packages',
  'test',
  'scripts',
  'docs',
  'examples',
  'package.json',
  'tsconfig.base.json',
  'vitest.config.ts',
];
const built = new Set(['node_modules', 'dist', 'tsconfig.tsbuildinfo']);

/** A copy of the sources in a temporary folder, in which one token at a time is replaced. */
export class Tree {
  readonly path = mkdtempSync(join(tmpdir(), 'lua-webgpu-mutants-'));

  constructor() {
    for (const name of copied) {
      cpSync(root + name, join(this.path, name), {
        recursive: true,
        filter: (source) => !built.has(basename(source)),
      });
    }
    mkdirSync(join(this.path, 'tmp'));
    this.#linkModules('node_modules');
  }

  write({ file, ...edit }: Mutation): void {
    this.#put(file, mutate(readSource(file), edit));
  }

  restore({ file }: Mutation): void {
    this.#put(file, readSource(file));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #put(file: string, text: string): void {
    writeFileSync(join(this.path, file), text);
    const generator = join(this.path, 'scripts/generate-shaders.mjs');
    if (file.endsWith('.wgsl')) execFileSync(process.execPath, [generator, join(this.path, shaderFolder)]);
  }

  /** Links to the installed packages; those to the workspace's own stay relative and lead to the copies. */
  #linkModules(folder: string): void {
    mkdirSync(join(this.path, folder));
    for (const entry of readdirSync(root + folder, { withFileTypes: true })) {
      const { name } = entry;
      const link = join(this.path, folder, name);
      if (name.startsWith('@')) this.#linkModules(`${folder}/${name}`);
      else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(`${root}${folder}/${name}`), link);
      else if (!name.startsWith('.')) symlinkSync(`${root}${folder}/${name}`, link);
    }
  }
}
