import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileError } from '@lua-webgpu/kernels';
import type { PresetName } from '@lua-webgpu/lua-model';

/** examples/demo-golden.json: what PyTorch computes with the demonstration's model. */
export interface DemoGolden {
  /** The untrained model: a preset for 16 channels with weights from a seed. */
  readonly model: { readonly preset: PresetName; readonly scale: 2 | 4; readonly seed: number };
  /** Largest allowed |difference| relative to `max`. */
  readonly tolerance: number;
  /** By name of the example. */
  readonly results: Readonly<Record<string, GoldenLatent>>;
}

export interface GoldenLatent {
  readonly shape: readonly number[];
  /** max |value| of the whole result. */
  readonly max: number;
  /** Every `stride`-th value in row-major order. */
  readonly stride: number;
  readonly values: readonly number[];
}

/**
 * The folder with the example latents and the golden values: in the repository, inside the published package, or
 * below the working folder.
 * @throws FileError `file-not-found`
 */
export function examplesFolder(): string {
  const near = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const candidates = [near('../../../examples/'), near('examples/'), join(process.cwd(), 'examples')];
  const found = candidates.find((folder) => existsSync(join(folder, 'demo-golden.json')));
  if (found !== undefined) return found;
  throw new FileError(
    'file-not-found',
    `the example latents are in none of ${candidates.join(', ')}`,
    'Install lua-webgpu again, or run this in a checkout of its repository.',
  );
}

export async function readGolden(folder: string): Promise<DemoGolden> {
  return JSON.parse(await readFile(join(folder, 'demo-golden.json'), 'utf8')) as DemoGolden;
}

/** Largest |difference| relative to the maximum; infinite for another shape or where anything is NaN. */
export function goldenError(
  expected: GoldenLatent,
  actual: { readonly data: Float32Array; readonly shape: readonly number[] },
): number {
  if (actual.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  return expected.values.reduce((largest, value, i) => {
    const error = Math.abs((actual.data[i * expected.stride] ?? Number.NaN) - value) / expected.max;
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(largest, error);
  }, 0);
}
