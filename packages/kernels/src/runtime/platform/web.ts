import { AdapterError } from '../../errors.ts';
import type { AdapterDescription, AdapterRequest, PlatformAdapter } from './types.ts';

/**
 * Asks the page's WebGPU for an adapter. A browser has one to give and no names for it: `request.name` may be
 * left out or be `browser`. Works in windows and in workers.
 *
 * Throws `AdapterError`: `adapter-none` without WebGPU or without an adapter, `adapter-unknown` for another name.
 */
export async function requestPlatformAdapter(request: AdapterRequest = {}): Promise<PlatformAdapter> {
  const { name, featureLevel = 'core', powerPreference = 'high-performance' } = request;
  if (name !== undefined && name !== 'browser') {
    throw new AdapterError(
      'adapter-unknown',
      `no adapter matches '${name}'; those that exist: 'browser'`,
      'Leave the name out: a page cannot choose an adapter by name, only by `powerPreference`.',
    );
  }
  const adapter = (await pageGpu()?.requestAdapter({ featureLevel, powerPreference })) ?? undefined;
  if (adapter === undefined) throw noAdapter(featureLevel);
  const description = describe(adapter);
  return { adapter, description, notice: noticeFor(description) };
}

/** The page's default adapter, or nothing where there is none. */
export async function listAdapters(): Promise<readonly AdapterDescription[]> {
  const adapter = await pageGpu()?.requestAdapter();
  return adapter ? [describe(adapter)] : [];
}

/** Undefined in browsers without WebGPU and on pages that did not come over https, whatever the types promise. */
function pageGpu(): GPU | undefined {
  return (globalThis.navigator as Partial<Navigator> | undefined)?.gpu;
}

function describe({ info }: GPUAdapter): AdapterDescription {
  // Browsers leave most of these empty, to tell pages no more about the machine than they need.
  const name = info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(' ');
  return {
    name: name || 'browser',
    vendor: info.vendor,
    architecture: info.architecture,
    kind: info.isFallbackAdapter ? 'software' : 'hardware',
    origin: 'browser',
  };
}

function noticeFor({ name, kind }: AdapterDescription): string {
  if (kind === 'hardware') return `lua-webgpu: running on ${name}.`;
  return `lua-webgpu: running on ${name}, the browser's software adapter: it is slow; turn on hardware acceleration in the browser's settings.`;
}

function noAdapter(featureLevel: string): AdapterError {
  if (pageGpu() !== undefined) {
    return new AdapterError(
      'adapter-none',
      `the browser has WebGPU but gives no adapter (feature level '${featureLevel}')`,
      "Turn on hardware acceleration in the browser's settings and update the graphics driver; on Linux, Chrome may need --enable-features=Vulkan --enable-unsafe-webgpu.",
    );
  }
  if (globalThis.isSecureContext === false) {
    return new AdapterError(
      'adapter-none',
      'this page has no WebGPU: it is not a secure context',
      'Serve it over https, or from localhost.',
    );
  }
  return new AdapterError(
    'adapter-none',
    'this browser has no WebGPU',
    'Use Chrome or Edge 113, Safari 26 or Firefox 141, or newer ones.',
  );
}

/** A page keeps nothing; pass what was tuned as `tuned` to `openDevice`. */
export const storedPicks = async (): Promise<undefined> => undefined;

/** @throws AdapterError `adapter-tuned`, always */
export const storePicks = async (): Promise<never> => {
  throw new AdapterError(
    'adapter-tuned',
    'a page has nowhere to keep picks',
    'Keep what `tune` returns yourself, and pass it to openDevice as `tuned`.',
  );
};
