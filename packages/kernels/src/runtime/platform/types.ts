/**
 * The seam between the runtime and the place it runs in. `node.ts` and `web.ts` export the same
 * functions (`PlatformModule`); the package's import map sends `#platform` to one of them.
 *
 * This layer knows how to find an adapter and what was tuned for it, and nothing of devices, buffers or kernels.
 */

/** What the caller asks for. Everything may be left out. */
export interface AdapterRequest {
  /**
   * In Node: part of an adapter's name in any case, or one of the aliases `hardware`, `software`, `lavapipe`
   * (also `llvmpipe`) and `swiftshader`; without it the variable LUA_WEBGPU_ADAPTER is read. In a browser: `browser`.
   */
  name?: string | undefined;
  /** `compatibility` is the only way to a device with no more than the portable limits. Default: `core`. */
  featureLevel?: 'core' | 'compatibility' | undefined;
  /** Which of several GPUs. Default: `high-performance`, because this library has nothing to do but compute. */
  powerPreference?: GPUPowerPreference | undefined;
  /** With what the implementation calls unsafe: extensions that are experiments. A browser decides that by a flag of its own. */
  experimental?: boolean | undefined;
}

/** An adapter in words, stable enough to be printed, compared and stored beside a measurement. */
export interface AdapterDescription {
  name: string;
  vendor: string;
  architecture: string;
  kind: 'hardware' | 'software';
  /** `system`: a driver that the machine has; `embedded`: the one that comes with npm; `browser`: the page's. */
  origin: 'system' | 'embedded' | 'browser';
}

export interface PlatformAdapter {
  /** Good for one `requestDevice`, as WebGPU has it. */
  adapter: GPUAdapter;
  description: AdapterDescription;
  /** One line for stderr: which adapter runs and, for a software one, that it is slow and what to install. */
  notice: string;
}

/** What `#platform` resolves to. */
export interface PlatformModule {
  /** What `tune` found for an adapter, or undefined. */
  storedPicks(adapter: AdapterDescription): Promise<Readonly<Record<string, string>> | undefined>;
  /** Keeps it, and says where. Throws `AdapterError` (`adapter-tuned`) where nothing can be kept. */
  storePicks(adapter: AdapterDescription, picks: Readonly<Record<string, string>>): Promise<string>;
  requestPlatformAdapter(request: AdapterRequest): Promise<PlatformAdapter>;
  listAdapters(): Promise<readonly AdapterDescription[]>;
}
