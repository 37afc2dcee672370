import type { Vae } from '@lua-webgpu/lua-model';
import type { Scope, Tensor } from '@lua-webgpu/tensor';
import type { Batch } from '../data/index.ts';

/** The pixels that a batch is compared with: those of the photographs where the loader read them, else D(z_HR). */
export function targetPixels(scope: Scope, batch: Batch, target: Tensor, vae: Vae): Tensor {
  if (batch.pixels) return scope.tensor(batch.pixels.data, batch.pixels.shape);
  return vae.decode(target);
}
