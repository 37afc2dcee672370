import type { Tensor } from '@lua-webgpu/tensor';
import type { Vae } from './vae.ts';

export interface TilingOptions {
  /** Side of a tile's core in latent pixels. Default: whole where `memoryBudget` allows. */
  readonly tile?: number | undefined;
  /** Latent pixels read beyond the core on each inner side. */
  readonly overlap?: number | undefined;
  /** Device memory that one run may take, in bytes, beside the weights; 2 GiB. */
  readonly memoryBudget?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** As `vae.encode`, tile by tile where the whole does not fit the budget. */
export function encodeTiled(_vae: Vae, _image: Tensor, _options: TilingOptions = {}): Promise<Tensor> {
  return Promise.reject(new Error('not there yet'));
}

/** As `vae.decode`, tile by tile where the whole does not fit the budget. */
export function decodeTiled(_vae: Vae, _latent: Tensor, _options: TilingOptions = {}): Promise<Tensor> {
  return Promise.reject(new Error('not there yet'));
}
