import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type * as Koffi from 'koffi';
import { AdapterError } from '../../errors.ts';
import { INSTALL_EMBEDDED } from './advice.ts';

/** `koffi`, the foreign function interface; undefined where this optional dependency is not installed. */
export function loadKoffi(): typeof Koffi | undefined {
  try {
    return createRequire(import.meta.url)('koffi');
  } catch {
    return undefined;
  }
}

/** The environment as C sees it. */
interface CEnvironment {
  get(name: string): string | undefined;
  set(name: string, value: string | undefined): void;
}

const ownEnvironment: CEnvironment = {
  get: (name) => process.env[name],
  set: (name, value) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  },
};

/** In a worker thread `process.env` is a copy that never reaches the C library: go through koffi there. */
function workerEnvironment(): CEnvironment {
  const koffi = loadKoffi();
  if (koffi === undefined) {
    throw new AdapterError(
      'adapter-embedded',
      'a worker thread cannot hand the embedded Vulkan driver to the loader without the package koffi',
      `Run ${INSTALL_EMBEDDED}, or ask for the adapter in the main thread.`,
    );
  }
  const libc = koffi.load(null);
  const getenv = libc.func('const char *getenv(const char *name)');
  const setenv = libc.func('int setenv(const char *name, const char *value, int overwrite)');
  const unsetenv = libc.func('int unsetenv(const char *name)');
  return {
    get: (name) => getenv(name) ?? undefined,
    set: (name, value) => {
      if (value === undefined) unsetenv(name);
      else setenv(name, value, 1);
    },
  };
}

/**
 * Runs the synchronous `action` with these environment variables set, and puts the former values back: the
 * program's own children must not inherit a choice of Vulkan driver that was ours.
 */
export function withEnvironment<T>(variables: Readonly<Record<string, string>>, action: () => T): T {
  const entries = Object.entries(variables);
  if (entries.length === 0) return action();
  const environment = isMainThread ? ownEnvironment : workerEnvironment();
  const former = entries.map(([name]) => [name, environment.get(name)] as const);
  for (const [name, value] of entries) environment.set(name, value);
  try {
    return action();
  } finally {
    for (const [name, value] of former) environment.set(name, value);
  }
}
