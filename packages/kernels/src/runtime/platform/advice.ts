import { AdapterError } from '../../errors.ts';
import { type ListedAdapter, MINIMUM_LAVAPIPE } from './choose.ts';
import type { AdapterDescription } from './types.ts';

/** The command that brings the embedded software adapter, in the versions that this package was tested with. */
export const INSTALL_EMBEDDED = 'npm install @sparticuz/chromium@147.0.0 koffi@2.16.3 tar-fs@3.1.3';

/** What to install for a faster adapter than the one at hand. */
function faster(description: AdapterDescription, platform: NodeJS.Platform): string {
  if (platform !== 'linux') return "install your GPU's driver";
  const lavapipe = `, or Mesa ${MINIMUM_LAVAPIPE} or newer (mesa-vulkan-drivers) for software that is several times faster`;
  return `install your GPU's Vulkan driver${description.origin === 'embedded' ? lavapipe : ''}`;
}

/** The one line about the chosen adapter. `passedOver` holds the reasons against those that came first. */
export function noticeFor(
  description: AdapterDescription,
  passedOver: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string {
  const { name, kind, origin } = description;
  if (kind === 'hardware') return `lua-webgpu: running on ${name}.`;
  const what = origin === 'embedded' ? 'the embedded software adapter' : 'a software adapter';
  const over = passedOver.length === 0 ? '' : ` Passed over: ${passedOver.join('; ')}.`;
  return `lua-webgpu: running on ${name}, ${what}: it is slow; ${faster(description, platform)}.${over}`;
}

/** No adapter of that name (code `adapter-unknown`); the message lists those that there are. */
export function unknownAdapter(
  wanted: string,
  known: readonly ListedAdapter[],
  reasons: readonly string[],
  cause: unknown,
): AdapterError {
  const names = known.map(({ name }) => `'${name}'`).join(', ') || 'none';
  const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  return new AdapterError(
    'adapter-unknown',
    `no adapter matches '${wanted}'; those that exist: ${names}${why}`,
    `Give part of one of these names, or 'hardware', 'software', 'lavapipe' or 'swiftshader', in --adapter or LUA_WEBGPU_ADAPTER; or neither, for the best one.${cause instanceof AdapterError ? ` ${cause.fix}` : ''}`,
    { cause },
  );
}

/** No adapter at all (code `adapter-none`), with what to install on this platform. */
export function noAdapter(
  reasons: readonly string[],
  cause: unknown,
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): AdapterError {
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  return new AdapterError(
    'adapter-none',
    `no WebGPU adapter on ${platform} ${arch}${why}`,
    installFix(platform, arch, cause),
    { cause },
  );
}

function installFix(platform: NodeJS.Platform, arch: string, cause: unknown): string {
  if (platform === 'darwin') {
    return 'Run on a Mac with a Metal GPU; virtual machines need one that is passed through.';
  }
  if (platform === 'win32') return "Install your GPU's driver with Direct3D 12 (Windows 10 or newer).";
  const driver = `Install your GPU's Vulkan driver, or Mesa ${MINIMUM_LAVAPIPE} or newer (on Debian and Ubuntu: apt install mesa-vulkan-drivers)`;
  if (arch !== 'x64') return `${driver}.`;
  const embedded = cause instanceof AdapterError ? cause.fix : `Run ${INSTALL_EMBEDDED}.`;
  return `${driver}. For the embedded software adapter, which needs no root: ${embedded}`;
}
