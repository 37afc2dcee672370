import { existsSync } from 'node:fs';
import type { AdapterDescription } from '@lua-webgpu/kernels';
// No public part of the package: for users it is the package's business where its drivers lie.
import { unpackSwiftShader } from '../../packages/kernels/src/runtime/platform/swiftshader.ts';
import { installedDrivers } from '../../packages/kernels/src/runtime/platform/vulkan-drivers.ts';

/**
 * Environment in which a program that takes the first Vulkan adapter, as ONNX Runtime does, has no choice but this
 * one. Hardware is what it would take by itself.
 */
export async function driverEnvironment(adapter: AdapterDescription): Promise<Record<string, string>> {
  if (adapter.kind === 'hardware' || process.platform !== 'linux') return {};
  const driver =
    adapter.origin === 'embedded'
      ? (await unpackSwiftShader()).driver
      : installedDrivers().find((path) => /lvp|lavapipe/i.test(path) && existsSync(path));
  if (driver === undefined) throw new Error(`nobody knows where the driver of ${adapter.name} lies`);
  // The older name is for the loaders of 2022 and before, which do not know the newer one.
  return { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver };
}
