import type { Lua } from '@lua-webgpu/lua-model';
import type { Scope, Tensor } from '@lua-webgpu/tensor';
import type { Batch } from '../data/index.ts';
import { enlarge } from '../evaluation/index.ts';

/** Latents [B, C, crop, crop] that the photographs of a batch are to be decoded from. */
export type LatentSource = (scope: Scope, batch: Batch) => Tensor;

const encoded: LatentSource = (scope, { hr }) => scope.tensor(hr.data, hr.shape);

const upscaled =
  (network: Lua, scale: number): LatentSource =>
  (scope, batch) =>
    network.forward(small(scope, batch, scale), [scale]).get(scale) as Tensor;

const interpolated =
  (scale: number): LatentSource =>
  (scope, batch) =>
    enlarge(small(scope, batch, scale), scale, 'bicubic');

function small(scope: Scope, { lr }: Batch, scale: number): Tensor {
  const latent = lr.get(scale);
  if (!latent) throw new TypeError(`a batch without the latents of scale ${scale}`);
  return scope.tensor(latent.data, latent.shape);
}

/**
 * The sources that the steps of a decoder's training take in turn: the encoded photographs alone, or, with a network, these
 * in every second step, and between them what the network and what interpolation make of the small latents. A decoder
 * that knows one of the two alone would favour it.
 */
export function latentSources(network?: Lua): readonly LatentSource[] {
  if (!network) return [encoded];
  return network.scales.flatMap((scale) => [encoded, upscaled(network, scale), encoded, interpolated(scale)]);
}
