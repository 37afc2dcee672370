import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type RgbImage, resizeImage, writeImage } from '@lua-webgpu/lua-model';
import { type Encoder, type PrepareOptions, type PrepareResult, prepareData } from '@lua-webgpu/train';
import { afterAll } from 'vitest';
import { seededValues } from '../../support/compare.ts';

/** A folder that is gone after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-data-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Values that a file of 8 bits per channel keeps. */
export function picture(seed: number, width: number, height: number): RgbImage {
  const data = Float32Array.from(
    seededValues(seed, 3 * width * height),
    (value) => Math.round(127.5 * (value + 1)) / 255,
  );
  return { width, height, data };
}

/** Writes pictures of given sizes, PNG, below a folder. */
export async function writePictures(
  folder: string,
  sizes: Readonly<Record<string, readonly [width: number, height: number]>>,
): Promise<void> {
  for (const [i, [name, [width, height]]] of Object.entries(sizes).entries()) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    await writeImage(path, picture(i + 1, width, height));
  }
}

/** Stands for a VAE: every latent pixel is the upper left pixel of its square, and 1 in a fourth channel. */
export function stubEncoder(changes: Partial<Encoder> = {}): Encoder & { readonly batches: number[] } {
  const batches: number[] = [];
  return {
    channels: 4,
    stride: 8,
    profile: 'sdxl',
    files: { 'stub.safetensors': 'a'.repeat(64) },
    batches,
    async encode(crops, scales) {
      batches.push(crops.length);
      // As a device would: the caller goes on meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
      return new Map(
        [1, ...scales].map((scale) => [
          scale,
          Float32Array.from(crops.flatMap((crop) => [...stubLatent(crop, scale)])),
        ]),
      );
    },
    ...changes,
  };
}

/** [4, crop / scale / 8, crop / scale / 8] */
export function stubLatent(crop: RgbImage, scale: number): Float32Array {
  const side = crop.width / scale;
  const { data } = resizeImage(crop, side, side);
  const latents = side / 8;
  return Float32Array.from({ length: 4 * latents * latents }, (_, i) => {
    const [y, x] = [Math.floor(i / latents) % latents, i % latents];
    const channel = Math.floor(i / latents / latents);
    return channel === 3 ? 1 : (data[3 * (8 * y * side + 8 * x) + channel] as number);
  });
}

/** Crops of 64 pixels, so HR latents of 8², LR of 4² and 2². */
export function prepareSmall(
  options: Pick<PrepareOptions, 'photos' | 'out'> & Partial<PrepareOptions>,
): Promise<PrepareResult> {
  return prepareData({ crop: 64, minSide: 64, encoder: stubEncoder(), ...options });
}
