import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Who is measured, in the order of the table. `ours` and `raw` are this repository's. */
export const contenders = ['ours', 'raw', 'tfjs', 'jax-js', 'onnxruntime'] as const;
export type ContenderName = (typeof contenders)[number];

/** The peers' packages, the one that gives the version first, pinned: another version is another measurement. */
export const packages: Readonly<Record<ContenderName, Readonly<Record<string, string>>>> = {
  ours: {},
  raw: {},
  tfjs: { '@tensorflow/tfjs-core': '4.22.0', '@tensorflow/tfjs-backend-webgpu': '4.22.0' },
  'jax-js': { '@jax-js/jax': '0.1.25', '@jax-js/onnx': '0.1.2' },
  onnxruntime: { 'onnxruntime-node': '1.30.0' },
};

/** For people: `tfjs 4.22.0`. */
export const titleOf = (name: ContenderName): string =>
  [name, ...Object.values(packages[name]).slice(0, 1)].join(' ');

export interface Installation {
  readonly folder: string;
  /** Arguments of npm; undefined where nothing is to be done. */
  readonly npm: readonly string[] | undefined;
}

/**
 * What it takes to have the peer's packages. They are no dependencies of this repository: three large libraries for one
 * table. A folder per set of versions, so that a new pin does not meet the old packages.
 *
 * @param installedAt the version of a package in a folder, undefined where it is absent
 */
export function installation(
  name: ContenderName,
  root: string,
  installedAt: (folder: string, name: string) => string | undefined,
): Installation {
  const pinned = Object.entries(packages[name]);
  const folder = join(root, [name, ...pinned.map(([, version]) => version)].join('-'));
  if (pinned.every(([each, version]) => installedAt(folder, each) === version)) {
    return { folder, npm: undefined };
  }
  const wanted = pinned.map(([each, version]) => `${each}@${version}`);
  // No scripts: onnxruntime-node's would fetch libraries for CUDA.
  const quiet = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts'];
  return { folder, npm: ['install', '--prefix', folder, ...quiet, ...wanted] };
}

/**
 * What npm wrote down once it had finished: the package's own package.json is there before its files are.
 */
export function installedVersion(folder: string, name: string): string | undefined {
  const path = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, 'utf8')).packages[`node_modules/${name}`]?.version;
}

/**
 * Installs what is missing below the system's temporary folder.
 * @returns the folder to load from
 */
export function install(name: ContenderName): string {
  const { folder, npm } = installation(name, join(tmpdir(), 'lua-webgpu-peers'), installedVersion);
  if (!npm) return folder;
  process.stderr.write(`installing ${titleOf(name)} in ${folder}\n`);
  mkdirSync(folder, { recursive: true });
  // Without a manifest of its own npm would look for one in the folders above.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  execFileSync('npm', npm, { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
  return folder;
}
