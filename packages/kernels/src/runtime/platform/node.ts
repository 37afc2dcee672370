import { AdapterError } from '../../errors.ts';
import { noAdapter, noticeFor, unknownAdapter } from './advice.ts';
import { isLavapipe, isSwiftShader, kindOf, type ListedAdapter, rank, tooOld } from './choose.ts';
import {
  type DawnModule,
  type DriverSource,
  hasSystemVulkan,
  listNames,
  loadDawn,
  openAdapter,
  preloadVulkan,
} from './dawn.ts';
import { loadKoffi } from './native.ts';
import { restBetweenPolls } from './polling.ts';
import { hasEmbeddedBuild, unpackSwiftShader } from './swiftshader.ts';
import type { AdapterDescription, AdapterRequest, PlatformAdapter } from './types.ts';
import { hasLavapipe, installedDrivers } from './vulkan-drivers.ts';

export { storedPicks, storePicks } from './tuned.ts';

/** What a search has met: every adapter's name, and why some of them cannot be had. */
interface Findings {
  known: ListedAdapter[];
  reasons: Set<string>;
  cause: unknown;
}

/**
 * Finds an adapter in Node: what `request.name` or LUA_WEBGPU_ADAPTER means; else hardware; else the system's
 * software Vulkan (Mesa 24 or newer); else SwiftShader out of the npm package `@sparticuz/chromium`, so that a
 * bare Linux x64 machine works. The embedded adapter is unpacked and woken only when nothing before it will do.
 *
 * Each call gives an adapter of its own. Missing WebGPU constants are defined on `globalThis`; with a software adapter
 * `globalThis.setImmediate` is replaced by one that lets dawn.node's polls rest.
 * Throws `AdapterError`: `adapter-no-webgpu`, `adapter-none`, or `adapter-unknown` for a name that matches none.
 */
export async function requestPlatformAdapter(request: AdapterRequest = {}): Promise<PlatformAdapter> {
  const wanted = request.name?.trim() || process.env.LUA_WEBGPU_ADAPTER?.trim() || undefined;
  const dawn = await loadDawn();
  const findings: Findings = { known: [], reasons: new Set(), cause: undefined };
  for (const origin of searchOrder(wanted)) {
    const source = await driverSource(origin, findings);
    if (source === undefined) continue;
    const listed = await list(dawn, source, request, findings);
    for (const { name } of rank(wanted, listed)) {
      const adapter = await openAdapter(dawn, source, name, request);
      const refusal = adapter === null ? `${name} does not open` : unwanted(wanted, name, adapter);
      if (adapter !== null && refusal === undefined) {
        const description = describe(name, origin, adapter);
        if (description.kind === 'software') restBetweenPolls();
        return { adapter, description, notice: noticeFor(description, [...findings.reasons]) };
      }
      if (refusal !== undefined) findings.reasons.add(refusal);
    }
  }
  const reasons = [...findings.reasons];
  throw wanted === undefined
    ? noAdapter(reasons, findings.cause)
    : unknownAdapter(wanted, findings.known, reasons, findings.cause);
}

/**
 * Every adapter that `requestPlatformAdapter` can give, the system's before the embedded one; each is opened to
 * learn its vendor. Throws `AdapterError` (`adapter-no-webgpu`); without adapters the list is empty.
 */
export async function listAdapters(): Promise<readonly AdapterDescription[]> {
  const dawn = await loadDawn();
  const findings: Findings = { known: [], reasons: new Set(), cause: undefined };
  const descriptions: AdapterDescription[] = [];
  for (const origin of searchOrder(undefined)) {
    const source = await driverSource(origin, findings);
    if (source === undefined) continue;
    for (const { name } of await list(dawn, source, {}, findings)) {
      const adapter = await openAdapter(dawn, source, name, {});
      if (adapter !== null) descriptions.push(describe(name, origin, adapter));
    }
  }
  return descriptions;
}

/** System first; but who asks for SwiftShader by name does not have the system's drivers woken for nothing. */
function searchOrder(wanted: string | undefined): ListedAdapter['origin'][] {
  return wanted !== undefined && isSwiftShader(wanted) ? ['embedded', 'system'] : ['system', 'embedded'];
}

/** Makes the drivers of this origin reachable; undefined, with the reason among the findings, where they are not. */
async function driverSource(
  origin: ListedAdapter['origin'],
  findings: Findings,
): Promise<DriverSource | undefined> {
  const bundled = process.platform === 'linux' && !hasSystemVulkan();
  if (origin === 'system' && !bundled) return { origin, environment: {} };
  if (!hasEmbeddedBuild()) {
    if (bundled) findings.reasons.add('this system has no libvulkan.so.1');
    return undefined;
  }
  try {
    const embedded = await unpackSwiftShader();
    if (bundled) preloadVulkan(embedded.loader);
    // The older name is for the loaders of 2022 and before, which do not know the newer one.
    if (origin === 'embedded') {
      return { origin, environment: { VK_DRIVER_FILES: embedded.driver, VK_ICD_FILENAMES: embedded.driver } };
    }
    // A container may have a GPU's driver mounted but no loader: ours then serves. Without drivers it would complain.
    return installedDrivers().length > 0 ? { origin, environment: {} } : undefined;
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    findings.reasons.add(error.message);
    findings.cause = error;
    return undefined;
  }
}

async function list(
  dawn: DawnModule,
  source: DriverSource,
  request: AdapterRequest,
  findings: Findings,
): Promise<ListedAdapter[]> {
  const listed = await listNames(dawn, source, request);
  findings.known.push(...listed);
  if (source.origin === 'embedded') {
    if (listed.length === 0) findings.reasons.add(embeddedFailure(source));
  } else if (
    process.platform === 'linux' &&
    !listed.some(({ name }) => isLavapipe(name)) &&
    hasLavapipe(installedDrivers())
  ) {
    findings.reasons.add("the system's lavapipe (Dawn refuses it: Mesa 24 is the oldest that works)");
  }
  return listed;
}

function embeddedFailure(source: DriverSource): string {
  if (loadKoffi() === undefined) {
    return 'the embedded SwiftShader does not load: without libvulkan.so.1 it needs the package koffi, which is not installed';
  }
  return `the embedded SwiftShader (${source.environment.VK_DRIVER_FILES}) does not load: its folder must not be mounted noexec (LUA_WEBGPU_CACHE names another)`;
}

/** Why an adapter that did open is passed over. Who names lavapipe itself gets the one that is there. */
function unwanted(wanted: string | undefined, name: string, adapter: GPUAdapter): string | undefined {
  const leftToUs = wanted === undefined || wanted.toLowerCase() === 'software';
  return leftToUs ? tooOld(name, adapter.info.description) : undefined;
}

function describe(name: string, origin: ListedAdapter['origin'], { info }: GPUAdapter): AdapterDescription {
  const kind = info.isFallbackAdapter ? 'software' : kindOf(name);
  return { name, vendor: info.vendor, architecture: info.architecture, kind, origin };
}
