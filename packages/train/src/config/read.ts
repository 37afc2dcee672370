import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileError } from '@lua-webgpu/kernels';
import { extendConfig } from './extend.ts';
import { type ConfigNode, nodeAt, parseNode } from './node.ts';

/**
 * Reads a configuration file laid over those that its `extends` names, relative to itself.
 *
 * @param path of a file, or of a recipe that comes with the package: `recipes/tiny-cpu.yaml`
 * @throws FileError `file-not-found`, `file-unreadable`, `config-yaml`, `config-extends`
 */
export async function readConfig(path: string): Promise<ConfigNode> {
  return await readChain(findFile(path, '.'), []);
}

async function readChain(file: string, seen: readonly string[]): Promise<ConfigNode> {
  const node = parseNode(await readText(file), file);
  const extended = nodeAt(node, ['extends']);
  if (!extended) return node;
  if (typeof extended.value !== 'string') {
    throw extendsError(extended, 'extends names no file', 'Write extends: FILE.yaml, relative to this file.');
  }
  const chain = [...seen, resolve(file)];
  const base = findFile(extended.value, dirname(file));
  if (chain.includes(resolve(base))) {
    throw extendsError(extended, `${extended.value} extends this file in turn`, 'Break the circle.');
  }
  return extendConfig(await readChain(base, chain), node);
}

/** The file itself, else the recipe of this name that came with the package. */
function findFile(path: string, folder: string): string {
  const own = isAbsolute(path) || folder === '.' ? path : join(folder, path);
  if (existsSync(own) || isAbsolute(path)) return own;
  const shipped = /^recipes[\\/](.+)$/.exec(path)?.[1];
  const recipe = shipped === undefined ? undefined : join(recipesFolder(), shipped);
  return recipe !== undefined && existsSync(recipe) ? recipe : own;
}

/**
 * The folder of the recipes: in the repository, or inside the published package.
 * @throws FileError `file-not-found`
 */
export function recipesFolder(): string {
  const candidates = ['../../../../recipes/', '../recipes/'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((folder) => existsSync(join(folder, 'paper-flux.yaml')));
  if (found !== undefined) return found;
  throw new FileError(
    'file-not-found',
    `the recipes are in none of ${candidates.join(', ')}`,
    'Install lua-webgpu again, or give the path of a configuration file.',
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new FileError(
      missing ? 'file-not-found' : 'file-unreadable',
      `${path}: ${(cause as Error).message}`,
      missing
        ? 'Check the path; recipes that come with lua-webgpu are called recipes/NAME.yaml.'
        : 'Check that it is a file and that you may read it.',
      { cause },
    );
  }
}

function extendsError(node: ConfigNode, what: string, fix: string): FileError {
  return new FileError('config-extends', `${node.place}: ${what}`, fix);
}
