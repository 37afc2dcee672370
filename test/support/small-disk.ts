import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why there can be no small disk here; undefined where there can. Mounting one takes root on Linux. */
export const noSmallDisk: string | undefined = probe();

/** A file system of so many bytes, to be filled up. */
export function smallDisk(bytes: number): { readonly folder: string; unmount(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
  return {
    folder,
    unmount: () => {
      execFileSync('umount', [folder]);
      rmdirSync(folder);
    },
  };
}

function probe(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes root on Linux';
  const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-disk-'));
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder], { encoding: 'utf8' });
  if (status === 0) execFileSync('umount', [folder]);
  rmdirSync(folder);
  return status === 0 ? undefined : stderr.trim();
}
