import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'vitest';
import type { AdapterRequest } from '../../../packages/kernels/src/runtime/platform/types.ts';
import type { ProbeResult } from './probe.ts';

const PROBE = fileURLToPath(new URL('./probe.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Hides every libvulkan.so.1 from the processes inside a mount namespace, and proves it. */
const HIDE_LOADER = `
for library in $(/sbin/ldconfig -p | sed -n 's/.*libvulkan\\.so\\.1 .*=> //p'); do
  mount --bind /dev/null "$library" || exit 90
done
"$NODE" -e "require('koffi').load('libvulkan.so.1')" 2>/dev/null && exit 91
`;

/** Hides the drivers as well: what is left is a machine on which nobody has installed anything. */
const HIDE_DRIVERS = `
for folder in /usr/share/vulkan /usr/local/share/vulkan /etc/vulkan; do
  if [ -d "$folder" ]; then mount -t tmpfs none "$folder" || exit 92; fi
done
`;

export interface ProbeOptions {
  request?: AdapterRequest;
  environment?: Record<string, string>;
  worker?: boolean;
  hide?: 'loader' | 'loader and drivers';
}

/** The flags with which \`unshare\` gives this user a mount namespace; undefined where it does not. */
export const mountNamespace: readonly string[] | undefined = [['-m'], ['-rm']].find((flags) => {
  try {
    execFileSync('unshare', [...flags, 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

/** Runs the probe in a process of its own, without the adapter variables of this one. */
export async function probe(options: ProbeOptions = {}): Promise<ProbeResult & { stderr: string }> {
  const command = [process.execPath, '--import', 'tsx', '--conditions=@lua-webgpu/source', PROBE];
  command.push(JSON.stringify(options.request ?? {}), ...(options.worker ? ['--worker'] : []));
  if (options.hide !== undefined) {
    const script = `${HIDE_LOADER}${options.hide === 'loader' ? '' : HIDE_DRIVERS}exec "$@"`;
    command.unshift('unshare', ...(mountNamespace ?? []), 'sh', '-c', script, 'sh');
  }
  const {
    LUA_WEBGPU_ADAPTER: _adapter,
    VK_DRIVER_FILES: _files,
    VK_ICD_FILENAMES: _names,
    ...rest
  } = process.env;
  const env = { ...rest, NODE: process.execPath, ...options.environment };
  const [file = '', ...rest2] = command;
  const { stdout, stderr } = await promisify(execFile)(file, rest2, { env, cwd: ROOT });
  return { ...JSON.parse(stdout), stderr };
}

/** A test that says by name, and why, when this machine cannot run it. */
export function testWhere(possible: boolean, why: string, name: string, body: () => Promise<void>): void {
  if (!possible) console.log(`not run: ${name} (${why})`);
  test.runIf(possible)(name, body);
}
