import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileError } from '@lua-webgpu/kernels';
import type { PretrainedNetwork } from '@lua-webgpu/lua-model';

/** An entry of examples/sources.json: a photograph, NAME.jpg, and its latents, NAME-SIDE.safetensors by side in pixels. */
export interface Example {
  readonly name: string;
  readonly title: string;
  readonly author: string;
  readonly licence: string;
}

/** examples/demo-golden.json: what PyTorch computes with the demonstration's model. */
export interface DemoGolden {
  readonly model: PretrainedNetwork;
  /** Largest allowed |difference| relative to `max`. */
  readonly tolerance: number;
  /** By name of the latent that goes in. */
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
 * The folder with the examples and the golden values: in the repository, inside the published package, or below the
 * working folder.
 * @throws FileError `file-not-found`
 */
export function examplesFolder(): string {
  const near = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const candidates = [near('../../../../examples/'), near('../examples/'), join(process.cwd(), 'examples')];
  const found = candidates.find((folder) => existsSync(join(folder, 'demo-golden.json')));
  if (found !== undefined) return found;
  throw new FileError(
    'file-not-found',
    `the examples are in none of ${candidates.join(', ')}`,
    'Install lua-webgpu again, or run this in a checkout of its repository.',
  );
}

export async function readExamples(folder: string): Promise<readonly Example[]> {
  return JSON.parse(await readFile(join(folder, 'sources.json'), 'utf8')) as Example[];
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
