import { AdapterError } from '../../errors.ts';
import { type ListedAdapter, namesIn } from './choose.ts';
import { loadKoffi, withEnvironment } from './native.ts';
import type { AdapterRequest } from './types.ts';

/** What the npm package `webgpu` exports: Dawn, Chromium's WebGPU, for Node. */
export interface DawnModule {
  create(options: string[]): GPU;
  globals: object;
}

/** From where a Dawn instance takes its Vulkan drivers. */
export interface DriverSource {
  origin: ListedAdapter['origin'];
  /** Environment variables to hold while the drivers are looked for. */
  environment: Readonly<Record<string, string>>;
}

/**
 * The project's one piece of module-level state. The process aborts when an object that Dawn's `create()`
 * returned is collected while one of its devices lives, and a device does not keep it alive; nor does Dawn keep
 * a library that was loaded for it. Both are therefore held for as long as the process (or worker) runs. An
 * instance looks for drivers once, so there is one for each source, adapter name and set of options, not one for each call.
 */
const held = { instances: new Map<string, GPU>(), libraries: new Map<string, unknown>() };

/** With quantisation on, timestamps are multiples of 65 µs. Immediates need no option (Dawn of webgpu 0.6.2). */
const OPTIONS = ['disable-dawn-features=timestamp_quantization'];

/** Without it, an adapter hides its experimental extensions. */
const EXPERIMENTAL = ['enable-dawn-features=allow_unsafe_apis'];

/** Dawn has no call that lists adapters, but it lists them in the error for a name that none of them has. */
const NO_ADAPTER_HAS_THIS_NAME = 'lua-webgpu: list the adapters';

/**
 * Imports `webgpu` and makes its constants global. Throws `AdapterError` (`adapter-no-webgpu`) where the package
 * is missing or was not built for this machine.
 */
export async function loadDawn(
  load: () => Promise<DawnModule> = () => import('webgpu'),
): Promise<DawnModule> {
  let dawn: DawnModule;
  try {
    dawn = await load();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const absent = /Cannot find package|Cannot find module 'webgpu'/.test(message);
    throw new AdapterError(
      'adapter-no-webgpu',
      absent
        ? 'the package webgpu, which brings WebGPU to Node, is not installed'
        : `the package webgpu does not load on ${process.platform} ${process.arch}: ${message}`,
      absent
        ? 'Run npm install webgpu@0.6.2.'
        : 'Use Linux with glibc, macOS or Windows on x64 or arm64, and reinstall it there: npm install webgpu@0.6.2.',
      { cause },
    );
  }
  defineGlobals(dawn.globals);
  return dawn;
}

/**
 * WebGPU code reads `GPUBufferUsage.STORAGE`, `GPUMapMode.READ` and their like from the global scope, where a
 * browser has them and Node has not. Those that exist already are left alone.
 */
function defineGlobals(globals: object): void {
  for (const [name, value] of Object.entries(globals)) {
    if (name in globalThis) continue;
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}

function instance(
  dawn: DawnModule,
  source: DriverSource,
  adapterName: string,
  { experimental = false }: AdapterRequest,
): GPU {
  const key = `${source.origin}: ${adapterName}${experimental ? ', experimental' : ''}`;
  const existing = held.instances.get(key);
  if (existing !== undefined) return existing;
  const created = dawn.create([...OPTIONS, ...(experimental ? EXPERIMENTAL : []), `adapter=${adapterName}`]);
  held.instances.set(key, created);
  return created;
}

/** Asks the instance for an adapter. Dawn reads the environment before the call returns, not later. */
function request(dawn: DawnModule, source: DriverSource, adapterName: string, wish: AdapterRequest) {
  const gpu = instance(dawn, source, adapterName, wish);
  return withEnvironment(source.environment, () =>
    gpu.requestAdapter({
      featureLevel: wish.featureLevel ?? 'core',
      powerPreference: wish.powerPreference ?? 'high-performance',
    }),
  );
}

/** The adapters of this source, in Dawn's order. */
export async function listNames(
  dawn: DawnModule,
  source: DriverSource,
  wish: AdapterRequest,
): Promise<ListedAdapter[]> {
  try {
    await request(dawn, source, NO_ADAPTER_HAS_THIS_NAME, wish);
    return [];
  } catch (error) {
    const names = error instanceof Error ? namesIn(error.message) : undefined;
    if (names === undefined) throw error;
    return names.map((name) => ({ name, origin: source.origin }));
  }
}

/** A fresh adapter, or null where Dawn has listed it but does not give it. */
export async function openAdapter(
  dawn: DawnModule,
  source: DriverSource,
  name: string,
  wish: AdapterRequest,
): Promise<GPUAdapter | null> {
  return request(dawn, source, name, wish);
}

/**
 * Whether Dawn will find a Vulkan loader of the system's. Without koffi nobody can tell and nothing can be done
 * about it, so Dawn is left to look for itself.
 */
export function hasSystemVulkan(): boolean {
  if (held.libraries.has('bundled libvulkan')) return false;
  const koffi = loadKoffi();
  if (koffi === undefined) return true;
  try {
    held.libraries.set('system libvulkan', koffi.load('libvulkan.so.1'));
    return true;
  } catch {
    return false;
  }
}

/** Loads a Vulkan loader under the name by which Dawn will ask for it. */
export function preloadVulkan(path: string): void {
  if (held.libraries.has('bundled libvulkan')) return;
  const library = loadKoffi()?.load(path, { global: true });
  if (library !== undefined) held.libraries.set('bundled libvulkan', library);
}
