import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * The Vulkan driver manifests (`*.json`) that a loader on Linux would read, found the way the Khronos loader
 * finds them: the files or folders of VK_DRIVER_FILES (formerly VK_ICD_FILENAMES) alone where set; else those
 * of VK_ADD_DRIVER_FILES and the `vulkan/icd.d` folders of the XDG search path and of /etc.
 * Source: Vulkan-Loader, docs/LoaderDriverInterface.md, 'Driver Discovery on Linux'.
 */
export function installedDrivers(environment: NodeJS.ProcessEnv = process.env): string[] {
  const only = environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES;
  if (only) return split(only).flatMap(manifestsAt);
  const home = environment.HOME || homedir();
  const bases = [
    environment.XDG_CONFIG_HOME || join(home, '.config'),
    ...split(environment.XDG_CONFIG_DIRS || '/etc/xdg'),
    '/usr/local/etc',
    '/etc',
    environment.XDG_DATA_HOME || join(home, '.local/share'),
    ...split(environment.XDG_DATA_DIRS || '/usr/local/share:/usr/share'),
  ];
  const folders = bases.map((base) => join(base, 'vulkan/icd.d'));
  return [...split(environment.VK_ADD_DRIVER_FILES ?? ''), ...folders].flatMap(manifestsAt);
}

/** Whether one of these manifests is that of Mesa's lavapipe (`lvp_icd.json`, `lvp_icd.x86_64.json`). */
export function hasLavapipe(manifests: readonly string[]): boolean {
  return manifests.some((path) => /lvp|lavapipe/i.test(path));
}

function split(list: string): string[] {
  return list.split(delimiter).filter((path) => path !== '');
}

function manifestsAt(path: string): string[] {
  if (path.endsWith('.json')) return [path];
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(path, name));
  } catch {
    // The loader passes over folders that are absent or unreadable, so they hold no driver for it either.
    return [];
  }
}
